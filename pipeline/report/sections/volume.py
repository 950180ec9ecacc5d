"""How much is written, by whom, on which channels and at which hours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import duckdb

from pipeline.report.charts import Series, heat, lines, stacks
from pipeline.report.figure import Chart, Figure, Section
from pipeline.report.period import Period
from pipeline.report.scales import count_ticks
from pipeline.report.scope import Scope
from pipeline.report.sections.chart_rows import line_row
from pipeline.report.table import Column, Table, make_table, query_records, query_table
from pipeline.report.theme import BOT, HUMAN, OTHER, USER
from pipeline.report.wording import Kind, count_text

WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
HEAT_STEPS: Final = 7

_COUNTS: Final = {
    "n_in": "From users",
    "n_out_agent": "From agents",
    "n_out_bot": "From bots",
    "n_out_unknown": "From the business, unknown",
    "n_system": "System",
    "n_survey": "Surveys",
    "new_conversations": "New conversations",
}
_COLORS: Final = {"n_in": USER, "n_out_agent": HUMAN, "n_out_bot": BOT, "n_out_unknown": OTHER}
_SUMS: Final = ", ".join(f"coalesce(sum({name}), 0)::bigint as {name}" for name in _COUNTS)
_TREND: Final = f"""
select bucket_of(local_date) as bucket, {_SUMS}
from marts.agg_channel_daily
where is_current(local_date) and is_chosen(app_id, channel)
group by all
order by bucket
"""
_CHANNEL_TREND: Final = """
select bucket_of(local_date) as bucket, channel, sum(n_in)::bigint as n_in
from marts.agg_channel_daily
where is_current(local_date) and is_chosen(app_id, channel)
group by all
order by bucket, channel
"""
_CHANNELS: Final = f"""
with counts as (
    select channel, {_SUMS}
    from marts.agg_channel_daily
    where is_current(local_date) and is_chosen(app_id, channel)
    group by all
),
users as (
    select channel_or_none(channel) as channel, count(distinct (app_id, user_key)) as n_users
    from intermediate.int_conversation_hours
    where class = 'user' and user_key <> 'none' and is_current(local_date) and is_chosen(app_id, channel)
    group by all
)
select counts.*, coalesce(n_users, 0) as n_users, n_in / nullif(sum(n_in) over (), 0) as share_in
from counts
left join users using (channel)
order by n_in desc, channel
"""
_HEAT: Final = """
with days as (
    select local_date::date as local_date
    from generate_series(getvariable('period_first')::timestamp, getvariable('period_last'), interval 1 day)
        as series (local_date)
),
weekdays as (
    select isodow(local_date)::tinyint as local_weekday, count(*) as n_days from days group by all
),
counts as (
    select local_weekday, local_hour, sum(n_in)::bigint as n_in
    from marts.agg_volume_hourly
    where is_current(local_date) and is_chosen(app_id, channel)
    group by all
)
select
    local_weekday,
    local_hour::integer as local_hour,
    n_days,
    coalesce(n_in, 0) as n_in,
    coalesce(n_in, 0) / n_days as mean_in,
from weekdays
cross join (select unnest(range(24))::tinyint as local_hour) as hours
left join counts using (local_weekday, local_hour)
order by local_weekday, local_hour
"""


def volume_section(connection: duckdb.DuckDBPyConnection, scope: Scope, channels: Sequence[Series]) -> Section:
    """Messages over time, by channel, by weekday and hour.

    Args:
        connection: from `open_warehouse`, with the scope set.
        scope: what the report is about.
        channels: those with a colour of their own.
    """
    table = _channels(connection)
    return Section(
        "volume",
        "Volume",
        "Messages of all conversations, groups included. What an agent or a bot writes is counted on the channel of "
        "the user's latest message before it, unless a delivery tells the channel.",
        (
            _trend(connection, scope.period),
            _channel_trend(connection, scope.period, table, channels),
            _heat(connection, scope),
            _channel_figure(table),
        ),
    )


def _trend(connection: duckdb.DuckDBPyConnection, period: Period) -> Figure:
    columns = [Column(name, heading, Kind.COUNT) for name, heading in _COUNTS.items()]
    head = Column("bucket", period.step_heading, Kind.DATE)
    table = query_table(connection, _TREND, name="volume", title="Messages per day", columns=(head, *columns))
    definition = f"Messages in and out{_per_step(period)}."
    if not table:
        return Figure(table, definition, empty="No message was written in this period.")
    by_bucket = {record["bucket"]: record for record in table.records()}
    shown = [name for name in _COLORS if any(record[name] for record in by_bucket.values())]
    rows = [
        line_row(
            bucket,
            _COUNTS[name],
            by_bucket.get(bucket, {}).get(name, 0) / period.bucket_days(bucket),
            kind=Kind.NUMBER,
        )
        for bucket in period.buckets()
        for name in shown
    ]
    series = [Series(_COUNTS[name], _COLORS[name]) for name in shown]
    spec = lines(rows, period, series=series, ticks=count_ticks(row["value"] for row in rows))
    total = sum(record[name] for record in by_bucket.values() for name in _COLORS)
    chart = Chart(spec, "Messages per day from users, agents and bots as lines.")
    return Figure(table, definition, (f"n {count_text(total)} messages",), chart)


def _channel_trend(
    connection: duckdb.DuckDBPyConnection, period: Period, channels: Table, series: Sequence[Series]
) -> Figure:
    head = (Column("bucket", period.step_heading, Kind.DATE), Column("channel", "Channel", Kind.TEXT))
    columns = (*head, Column("n_in", "From users", Kind.COUNT))
    title = "Messages from users per day, by channel"
    table = query_table(connection, _CHANNEL_TREND, name="volume_by_channel", title=title, columns=columns)
    definition = f"Messages of users{_per_step(period)}."
    names = [record["channel"] for record in channels.records() if record["n_in"]]
    if not names:
        return Figure(table, definition, empty="No user wrote in this period.")
    own = [each.name for each in series]
    rest = f"{len(names) - len(own)} others"
    counts: dict[tuple[Any, str], int] = {}
    for record in table.records():
        key = (record["bucket"], record["channel"] if record["channel"] in own else rest)
        counts[key] = counts.get(key, 0) + record["n_in"]
    drawn = [*series, Series(rest, OTHER)] if len(own) < len(names) else series
    rows = []
    for bucket in period.buckets():
        low = 0.0
        for each in drawn:
            value = counts.get((bucket, each.name), 0) / period.bucket_days(bucket)
            row = line_row(bucket, each.name, value, kind=Kind.NUMBER)
            rows.append(row | {"end": period.end_of(bucket), "low": low, "high": low + value})
            low += value
    spec = stacks(rows, period, series=drawn, ticks=count_ticks(row["high"] for row in rows))
    chart = Chart(spec, "Messages from users per day, stacked by channel.")
    return Figure(table, definition, (f"n {count_text(sum(counts.values()))} messages",), chart)


def _heat(connection: duckdb.DuckDBPyConnection, scope: Scope) -> Figure:
    records = query_records(connection, _HEAT)
    columns = (
        Column("weekday", "Weekday", Kind.TEXT),
        *(Column(f"hour_{hour:02}", f"{hour:02}", Kind.NUMBER) for hour in range(24)),
    )
    lines_: dict[int, dict[str, Any]] = {}
    for record in records:
        line = lines_.setdefault(record["local_weekday"], {"weekday": WEEKDAYS[record["local_weekday"] - 1]})
        line[f"hour_{record['local_hour']:02}"] = record["mean_in"]
    table = make_table("volume_by_hour", "When users write", columns, lines_.values())
    definition = f"Messages of users per hour, on average over the days of the period. Hours of {scope.zone}."
    most = max((record["mean_in"] for record in records), default=0)
    if not most:
        return Figure(table, definition, empty="No user wrote in this period.", is_wide=True)
    rows = [
        {
            "column": f"{record['local_hour']:02}",
            "line": WEEKDAYS[record["local_weekday"] - 1],
            "step": min(HEAT_STEPS - 1, int(HEAT_STEPS * record["mean_in"] / most)),
            "text": _cell_text(record["mean_in"], most),
            "tip When": f"{WEEKDAYS[record['local_weekday'] - 1]}, hour from {record['local_hour']:02}:00",
            "tip Per hour": f"{record['mean_in']:,.1f}",
            "tip Messages": count_text(record["n_in"]),
            "tip Days": count_text(record["n_days"]),
        }
        for record in records
    ]
    hours = [f"{hour:02}" for hour in range(24)]
    days = [WEEKDAYS[number - 1] for number in sorted(lines_)]
    chart = Chart(heat(rows, columns=hours, lines=days), "Average messages per hour by weekday and hour as a heat map.")
    total = sum(record["n_in"] for record in records)
    return Figure(table, definition, (f"n {count_text(total)} messages",), chart, is_wide=True)


def _channels(connection: duckdb.DuckDBPyConnection) -> Table:
    columns = (
        Column("channel", "Channel", Kind.TEXT),
        Column("share_in", "Share of users' messages", Kind.SHARE),
        Column("n_users", "Users who wrote", Kind.COUNT),
        *(Column(name, heading, Kind.COUNT) for name, heading in _COUNTS.items()),
    )
    return query_table(connection, _CHANNELS, name="channels", title="Channels", columns=columns)


def _channel_figure(table: Table) -> Figure:
    definition = (
        "A user who wrote on two channels counts on both, so users can't be summed. New conversations count on the "
        "channel of their first message from a user; “none” are those without one."
    )
    empty = None if table else "No message was written in this period."
    return Figure(table, definition, empty=empty, is_wide=True)


def _cell_text(mean: float, most: float) -> str:
    """Nothing for nothing, so that the eye finds the rest."""
    return "" if not mean else f"{mean:,.0f}" if most >= 10 else f"{mean:.1f}"


def _per_step(period: Period) -> str:
    return "" if period.grain == "day" else f", on an average day of each {period.grain}; the table has the sums"
