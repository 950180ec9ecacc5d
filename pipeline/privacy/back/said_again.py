"""Mentions that were redacted once and are there again: a backup may bring the words of others and nobody's rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import pyarrow as pa

from pipeline.lake.layout import Lake
from pipeline.lake.steady import read_steadily
from pipeline.lake.store import StoredFile
from pipeline.lake.tables import TABLES, Table
from pipeline.privacy.back.rows import app_files, asked
from pipeline.suppression.redact import Policy
from pipeline.suppression.redact_mentions import redact_mentions
from pipeline.suppression.registry import mentions_in, place_columns
from pipeline.suppression.row_changes import Changes
from pipeline.suppression.subjects import Kind
from pipeline.suppression.suppressed import Suppressed


def said_again(
    lake: Lake, app_id: str, matcher: Suppressed, policy: Policy, *, places: Mapping[Kind, frozenset[str]]
) -> int:
    """How many rows hold a mention that the list knows, at a place that it knows.

    Args:
        lake: the lake.
        app_id: the app.
        matcher: the list.
        policy: takes mentions out.
        places: the list's places that are in the lake.

    Raises:
        CorruptLakeError: a file can't be read.
    """
    ids = sorted(frozenset().union(*places.values()))
    if not ids or policy.mentions is None:
        return 0
    count = 0
    for table in TABLES.values():
        names = [column.name for column, is_redacted in mentions_in(table.name) if is_redacted]
        at = place_columns(table.name)
        if not names or not at:
            continue
        columns = ", ".join(f'"{name}"' for name in dict.fromkeys([*at, *names]))
        is_there = " or ".join(f'"{name}" in (select id from places)' for name in at)
        query = f"select {columns} from rows_of_app where {is_there}"

        def changed(files: Sequence[StoredFile], table: Table = table, query: str = query) -> int:
            known = pa.table({"id": pa.array(ids, pa.string())})
            return sum(
                _mentioning(table, rows, matcher, policy) for _, rows in asked(lake, files, [query], places=known)
            )

        count += read_steadily(partial(app_files, lake, app_id, table.name), changed)
    return count


def _mentioning(table: Table, rows: pa.Table, matcher: Suppressed, policy: Policy) -> int:
    changes = Changes(rows)
    if policy.mentions is not None:
        redact_mentions(table, changes, matcher, policy.mentions)
    return len(changes.numbers)
