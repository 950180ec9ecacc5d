"""How much of what is known the lake holds, and how fresh it is."""

from __future__ import annotations

from typing import Final

import duckdb

from pipeline.report.scope import Scope
from pipeline.report.table import Column, Table, query_table
from pipeline.report.wording import Kind, moment_text, share_text

_COVERAGE: Final = """
select app_id, entity || 's' as entity, n_known, n_walked, n_gone, n_failed, n_pending, share_walked, as_of
from marts.dim_coverage
where is_chosen_app(app_id)
order by entity, app_id
"""
_COLUMNS: Final = (
    Column("app_id", "App", Kind.TEXT),
    Column("entity", "Of", Kind.TEXT),
    Column("n_known", "Known", Kind.COUNT),
    Column("n_walked", "Exported", Kind.COUNT),
    Column("n_gone", "Gone", Kind.COUNT),
    Column("n_failed", "Failed", Kind.COUNT),
    Column("n_pending", "Waiting", Kind.COUNT),
    Column("share_walked", "Exported share", Kind.SHARE),
    Column("as_of", "Complete up to", Kind.MOMENT),
)


def coverage_table(connection: duckdb.DuckDBPyConnection) -> Table:
    """Known, exported and failed users and conversations of each app."""
    return query_table(connection, _COVERAGE, name="coverage", title="Coverage", columns=_COLUMNS)


def coverage_sentence(table: Table) -> str:
    """One sentence for the top of the page."""
    conversations = [record for record in table.records() if record["entity"] == "conversations"]
    known = sum(record["n_known"] or 0 for record in conversations)
    walked = sum(record["n_walked"] or 0 for record in conversations)
    moments = [record["as_of"] for record in conversations]
    if not known:
        return "No conversation is known yet; run `sunlake export`, then `sunlake build`."
    share = share_text(walked / known)
    if not moments or None in moments:
        return (
            f"Covers {share} of known conversations. Not every app has been exported to its end yet, so newer messages "
            "may be missing; rates are of exported conversations only."
        )
    until = moment_text(min(moments))
    return f"Covers {share} of known conversations, up to {until}; rates are of exported conversations only."


def freshness_sentence(scope: Scope) -> str:
    """When the warehouse was built, and what that means for the last days."""
    text = f"Built {moment_text(scope.rebuilt_at)} by sunlake {scope.version}."
    whole = scope.whole_until
    if whole is not None and scope.period.last > whole:
        text += " The last day of the period was not over at the export: its numbers will still grow."
    return text
