"""What waits: open turns and people waiting for a human, over time and at the end."""

from __future__ import annotations

from typing import Any, Final

import duckdb

from pipeline.report.charts import Series, bars, lines
from pipeline.report.figure import Chart, Figure, Section
from pipeline.report.hours import step_hours
from pipeline.report.period import Period
from pipeline.report.scales import count_ticks
from pipeline.report.scope import Scope
from pipeline.report.sections.chart_rows import bar_row, line_row
from pipeline.report.table import Column, make_table, query_records, query_table
from pipeline.report.theme import HUMAN, OTHER
from pipeline.report.wording import Kind, count_text, moment_text, plural, value_text

_TREND: Final = """
with steps as (
    select unnest(getvariable('steps'), recursive := true)
),
hours as (
    select bucket, unnest(generate_series(first_hour, last_hour, interval 1 hour)) as hour from steps
),
backlog as (
    select
        hour,
        sum(open_turns) as open_turns,
        sum(pending_human) as pending_human,
        max(oldest_age_s) as oldest_age_s,
        max(oldest_pending_human_age_s) as oldest_pending_human_age_s,
    from marts.agg_backlog_hourly
    where is_chosen(app_id, channel)
        and hour between (select min(first_hour) from steps) and (select max(last_hour) from steps)
    group by all
)
select
    bucket,
    count(*) as n_hours,
    coalesce(max(pending_human), 0)::bigint as most_pending_human,
    coalesce(sum(pending_human), 0) / count(*) as mean_pending_human,
    max(oldest_pending_human_age_s) as oldest_pending_human_age_s,
    coalesce(max(open_turns), 0)::bigint as most_open_turns,
    coalesce(sum(open_turns), 0) / count(*) as mean_open_turns,
    max(oldest_age_s) as oldest_age_s,
from hours
left join backlog using (hour)
group by all
order by bucket
"""
_END: Final = """
select
    coalesce(sum(open_turns), 0)::bigint as open_turns,
    coalesce(sum(pending_human), 0)::bigint as pending_human,
    max(oldest_pending_human_age_s) as oldest_pending_human_age_s,
    coalesce(sum(n_lt_5m), 0)::bigint as n_lt_5m,
    coalesce(sum(n_lt_1h), 0)::bigint as n_lt_1h,
    coalesce(sum(n_lt_8h), 0)::bigint as n_lt_8h,
    coalesce(sum(n_lt_24h), 0)::bigint as n_lt_24h,
    coalesce(sum(n_ge_24h), 0)::bigint as n_ge_24h,
from marts.agg_backlog_hourly
where is_chosen(app_id, channel) and hour = $hour
"""
_COLUMNS: Final = (
    Column("n_hours", "Hours", Kind.COUNT),
    Column("most_pending_human", "Most waiting for a human", Kind.COUNT),
    Column("mean_pending_human", "On average", Kind.NUMBER),
    Column("oldest_pending_human_age_s", "Oldest of them", Kind.SECONDS),
    Column("most_open_turns", "Most open turns", Kind.COUNT),
    Column("mean_open_turns", "Open turns on average", Kind.NUMBER),
    Column("oldest_age_s", "Oldest open turn", Kind.SECONDS),
)
_AGES: Final = {
    "n_lt_5m": "under 5 min",
    "n_lt_1h": "5 min to 1 h",
    "n_lt_8h": "1 h to 8 h",
    "n_lt_24h": "8 h to 24 h",
    "n_ge_24h": "24 h or more",
}


def backlog_section(connection: duckdb.DuckDBPyConnection, scope: Scope) -> Section:
    """The backlog over time, and how old it is at the end."""
    return Section(
        "backlog",
        "Backlog",
        "What was unanswered at the start of each full hour. A message that got no answer before its session ended is "
        "not backlog.",
        (_trend(connection, scope), _ages(connection, scope)),
    )


def backlog_at_end(connection: duckdb.DuckDBPyConnection, scope: Scope, period: Period) -> dict[str, Any] | None:
    """The backlog at the last full hour of a period that the export has reached; None if there is no such hour.

    `hour` is naive UTC.
    """
    steps = step_hours(period, zone=scope.zone, until=scope.until)
    if not steps:
        return None
    hour = steps[-1]["last_hour"]
    (record,) = query_records(connection, _END, {"hour": hour})
    return {**record, "hour": hour}


def _trend(connection: duckdb.DuckDBPyConnection, scope: Scope) -> Figure:
    columns = (Column("bucket", scope.period.step_heading, Kind.DATE), *_COLUMNS)
    steps = step_hours(scope.period, zone=scope.zone, until=scope.until)
    connection.execute("set variable steps = $steps", {"steps": steps or None})
    table = query_table(connection, _TREND, name="backlog", title="Waiting over time", columns=columns)
    definition = (
        "Waits for a human: the highest number and the average of the full hours. A wait counts from the user's first "
        "message, once an agent has spoken in the session or holds the conversation."
    )
    records = list(table.records())
    if not any(record["most_pending_human"] or record["most_open_turns"] for record in records):
        return Figure(table, definition, empty="Nothing waited at any full hour of this period.")
    rows = [
        line_row(
            record["bucket"],
            name,
            record[field],
            kind=Kind.NUMBER,
            tips={"Oldest": value_text(record["oldest_pending_human_age_s"], Kind.SECONDS)},
        )
        for record in records
        for name, field in (("Most", "most_pending_human"), ("Average", "mean_pending_human"))
    ]
    ticks = count_ticks(row["value"] for row in rows)
    spec = lines(rows, scope.period, series=[Series("Most", OTHER), Series("Average", HUMAN)], ticks=ticks)
    chart = Chart(spec, f"People waiting for a human by {scope.period.grain}: highest and average as lines.")
    hours = sum(record["n_hours"] for record in records)
    return Figure(table, definition, (f"n {plural(hours, 'full hour')}",), chart)


def _ages(connection: duckdb.DuckDBPyConnection, scope: Scope) -> Figure:
    end = backlog_at_end(connection, scope, scope.period)
    columns = (Column("age", "Age", Kind.TEXT), Column("n", "Open turns", Kind.COUNT))
    records = [{"age": label, "n": end[field]} for field, label in _AGES.items()] if end else []
    table = make_table("backlog_ages", "Age of what is open at the end", columns, records)
    definition = "Open turns, of humans and bots, by how long the user's first message has waited."
    if end is None:
        return Figure(table, definition, empty="The period has no full hour that the export has reached.")
    facts = (f"n {count_text(end['open_turns'])}", f"at {moment_text(end['hour'])}")
    if not end["open_turns"]:
        return Figure(table, definition, facts, empty="Nothing was open at that moment.")
    rows = [
        bar_row(record["age"], record["n"], text=count_text(record["n"]), series="Open turns") for record in records
    ]
    spec = bars(rows, series=[Series("Open turns", HUMAN)], most=max(row["value"] for row in rows))
    return Figure(table, definition, facts, Chart(spec, "Open turns by age as bars."))
