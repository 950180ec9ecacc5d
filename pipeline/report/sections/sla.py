"""How many waits kept their targets."""

from __future__ import annotations

from typing import Any, Final

import duckdb

from pipeline.report.charts import Series, bars, lines
from pipeline.report.figure import Chart, Figure, Section
from pipeline.report.period import Period
from pipeline.report.scales import share_ticks
from pipeline.report.scope import Scope
from pipeline.report.sections.chart_rows import bar_row, line_row
from pipeline.report.table import Column, query_table
from pipeline.report.theme import SERIES, USER
from pipeline.report.wording import Kind, count_text, share_text

_COUNTS: Final = {"n_met": "Met", "n_breached": "Breached", "n_pending": "Pending", "n_excluded": "Excluded"}
_SUMS: Final = ", ".join(f"sum({name})::bigint as {name}" for name in _COUNTS)
_TOTALS: Final = f"""
with targets as (
    select target_id, any_value(channel) as target_channel, max_by(target_ms, valid_from_ms) / 1000 as target_s
    from settings.sla_targets
    group by all
)
select
    target_id,
    metric,
    scope,
    clock,
    coalesce(target_channel, 'any') as target_channel,
    target_s,
    {_SUMS},
    sum(n_met) / nullif(sum(n_met + n_breached), 0) as attainment,
from marts.agg_sla_daily
left join targets using (target_id)
where is_current(local_date) and is_chosen(app_id, channel)
group by all
order by target_id, metric, scope, clock
"""
_TREND: Final = f"""
select
    bucket_of(local_date) as bucket,
    target_id,
    {_SUMS},
    sum(n_met) / nullif(sum(n_met + n_breached), 0) as attainment,
from marts.agg_sla_daily
where is_current(local_date) and is_chosen(app_id, channel)
group by all
order by bucket, target_id
"""
_ATTAINMENT: Final = Column("attainment", "Attainment", Kind.SHARE)
_NO_TARGETS: Final = "There are no targets: add [[warehouse.sla]] to sunlake.toml and run `sunlake build`."
_NO_PAIRS: Final = (
    "No wait of this period falls under a target: see the dates and channels of [[warehouse.sla]] in sunlake.toml."
)


def sla_section(connection: duckdb.DuckDBPyConnection, scope: Scope) -> Section:
    """Attainment of each target, in all and over time."""
    (count,) = connection.execute("select count(*) from settings.sla_targets").fetchone() or (0,)
    reason = None if count else _NO_TARGETS
    return Section(
        "sla",
        "Targets",
        "Attainment is met of met and breached. A wait that is still open counts as breached once it is older than its "
        "target, else as pending. A later change of a target leaves older waits as they were judged.",
        (_totals(connection, reason), _trend(connection, scope.period, reason)),
    )


def _totals(connection: duckdb.DuckDBPyConnection, reason: str | None) -> Figure:
    columns = (
        Column("target_id", "Target", Kind.TEXT),
        Column("metric", "Measure", Kind.TEXT),
        Column("scope", "Of", Kind.TEXT),
        Column("target_channel", "Channel", Kind.TEXT),
        Column("clock", "Clock", Kind.TEXT),
        Column("target_s", "Within", Kind.SECONDS),
        *(Column(name, label, Kind.COUNT) for name, label in _COUNTS.items()),
        _ATTAINMENT,
    )
    table = query_table(connection, _TOTALS, name="sla", title="Attainment of targets", columns=columns)
    definition = "Share of waits that ended within their target. Excluded are closing words that needed no answer."
    records = list(table.records())
    judged = [record for record in records if record["attainment"] is not None]
    if not judged:
        return Figure(table, definition, empty=reason or _NO_PAIRS)
    rows = [
        bar_row(
            record["target_id"],
            record["attainment"],
            text=share_text(record["attainment"]),
            series="Attainment",
            tips={_COUNTS[name]: count_text(record[name]) for name in _COUNTS},
        )
        for record in judged
    ]
    spec = bars(rows, series=[Series("Attainment", USER)], most=1)
    return Figure(table, definition, (_facts(records),), Chart(spec, "Attainment of each target as bars."))


def _trend(connection: duckdb.DuckDBPyConnection, period: Period, reason: str | None) -> Figure:
    columns = (
        Column("bucket", period.step_heading, Kind.DATE),
        Column("target_id", "Target", Kind.TEXT),
        *(Column(name, label, Kind.COUNT) for name, label in _COUNTS.items()),
        _ATTAINMENT,
    )
    table = query_table(connection, _TREND, name="sla_trend", title="Attainment over time", columns=columns)
    definition = f"Attainment by {period.grain}, by the day on which the wait began."
    rows = [
        line_row(record["bucket"], record["target_id"], record["attainment"], kind=Kind.SHARE, tips=_tips(record))
        for record in table.records()
    ]
    if not any(row["value"] is not None for row in rows):
        return Figure(table, definition, empty=reason or _NO_PAIRS)
    targets = sorted({row["series"] for row in rows})
    if len(targets) > len(SERIES):
        definition += f" The first {len(SERIES)} targets are drawn; the table has all."
    series = [Series(name, color) for name, color in zip(targets, SERIES, strict=False)]
    shown = [row for row in rows if row["series"] in targets[: len(SERIES)]]
    spec = lines(shown, period, series=series, ticks=share_ticks([1.0]))
    return Figure(
        table,
        definition,
        (_facts(list(table.records())),),
        Chart(spec, "Attainment of each target over time as lines."),
    )


def _facts(records: list[dict[str, Any]]) -> str:
    return f"n {count_text(sum(record['n_met'] + record['n_breached'] for record in records))} judged"


def _tips(record: dict[str, Any]) -> dict[str, str]:
    return {_COUNTS[name]: count_text(record[name]) for name in ("n_met", "n_breached", "n_pending")}
