"""Who comes back: users by the month of their first message."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import duckdb

from pipeline.report.charts import heat
from pipeline.report.figure import Chart, Figure, Section
from pipeline.report.scope import Scope
from pipeline.report.table import Column, make_table, query_records
from pipeline.report.theme import STEPS
from pipeline.report.wording import SPACE, Kind, count_text, plural, share_text, value_text

MONTHS: Final = 12

_COHORTS: Final = f"""
with cohorts as (
    select
        cohort_month,
        k,
        sum(cohort_size)::bigint as cohort_size,
        sum(n_retained)::bigint as n_retained,
        bool_or(partial) as is_partial,
    from marts.agg_cohort_monthly
    where is_chosen_app(app_id) and cohort_month <= getvariable('period_last') and k < {MONTHS}
    group by all
)
select * from cohorts
where cohort_month > date_trunc('month', getvariable('period_last')) - interval {MONTHS} month
    and cohort_month + to_months(k::integer) <= getvariable('period_last')
order by cohort_month, k
"""


def cohort_section(connection: duckdb.DuckDBPyConnection, scope: Scope) -> Section:
    """Retention by monthly cohorts, up to the end of the period."""
    return Section(
        "cohorts",
        "Returning users",
        "The last twelve cohorts up to the end of the period. When people are erased, their cohorts shrink.",
        (_figure(connection, scope),),
    )


def _figure(connection: duckdb.DuckDBPyConnection, scope: Scope) -> Figure:
    records = query_records(connection, _COHORTS)
    names = [f"month_{k}" for k in range(MONTHS)]
    columns = (
        Column("cohort_month", "First message in", Kind.MONTH),
        Column("cohort_size", "Users", Kind.COUNT),
        *(Column(name, f"+{k}", Kind.SHARE) for k, name in enumerate(names)),
    )
    cohorts: dict[date, dict[str, Any]] = {}
    for record in records:
        empty = {"cohort_month": record["cohort_month"], "cohort_size": record["cohort_size"], **dict.fromkeys(names)}
        row = cohorts.setdefault(record["cohort_month"], empty)
        row[f"month_{record['k']}"] = _share(record)
    table = make_table("cohorts", "Users who wrote again", columns, cohorts.values())
    definition = (
        "Share of the users of a cohort who wrote in the month that is so many months after their first. An asterisk "
        "marks a month that was not over at the export: its share may still rise."
    )
    if scope.channels is not None:
        definition += " All channels: a cohort is not kept by channel."
    if not table:
        return Figure(table, definition, empty="No user wrote up to the end of this period.", is_wide=True)
    rows = [_cell(record) for record in records]
    lines = [value_text(month, Kind.MONTH) for month in sorted(cohorts)]
    chart = heat(rows, columns=[f"+{k}" for k in range(1 + max(record["k"] for record in records))], lines=lines)
    facts = (f"n {plural(sum(row['cohort_size'] for row in cohorts.values()), 'user')}",)
    words = "Share of users who wrote again by cohort and month as a heat map."
    return Figure(table, definition, facts, Chart(chart, words), is_wide=True)


def _share(record: dict[str, Any]) -> float | None:
    size: int = record["cohort_size"]
    return record["n_retained"] / size if size else None


def _cell(record: dict[str, Any]) -> dict[str, Any]:
    share = _share(record) or 0
    star = "*" if record["is_partial"] else ""
    return {
        "column": f"+{record['k']}",
        "line": value_text(record["cohort_month"], Kind.MONTH),
        "step": min(len(STEPS) - 1, int(len(STEPS) * share)),
        "text": f"{100 * share:.0f}{SPACE}%{star}",
        "tip Cohort": value_text(record["cohort_month"], Kind.MONTH),
        "tip Months later": str(record["k"]),
        "tip Share": f"{share_text(share)}{' (month not over)' if star else ''}",
        "tip Users": f"{count_text(record['n_retained'])} of {count_text(record['cohort_size'])}",
    }
