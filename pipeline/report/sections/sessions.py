"""Sessions, how they end, and what bots achieve in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import duckdb

from pipeline.report.charts import Series, bars, lines
from pipeline.report.figure import Chart, Figure, Section
from pipeline.report.period import Period
from pipeline.report.scales import count_ticks, share_ticks
from pipeline.report.scope import Scope
from pipeline.report.sections.chart_rows import bar_row, line_row
from pipeline.report.table import Column, Table, make_table, query_records, query_table
from pipeline.report.theme import BOT, HUMAN, OTHER, USER
from pipeline.report.wording import Kind, count_text, plural, share_text

_COUNTS: Final = {
    "n_sessions": "Sessions",
    "n_user_initiated": "Begun by users",
    "n_business_initiated": "Begun by the business",
    "n_left_truncated": "Beginning not in the lake",
    "n_open": "Still open",
    "n_closed_by_activity": "Closed",
    "n_inactive": "Gone quiet",
}
_ENDINGS: Final = {"n_closed_by_activity": HUMAN, "n_inactive": USER, "n_open": OTHER}
_SUMS: Final = ", ".join(f"coalesce(sum({name}), 0)::bigint as {name}" for name in _COUNTS)
_TREND: Final = f"""
select bucket_of(local_date) as bucket, {_SUMS}
from marts.agg_session_daily
where is_current(local_date) and is_chosen(app_id, channel)
group by all
order by bucket
"""
_RATES: Final = {
    "n_handed_off": ("Handed off", "an agent wrote after the bot, or took over"),
    "n_contained_loose": ("Not handed off", "no agent wrote after the bot or took over"),
    "n_contained": ("Contained", "not handed off, and the last word was the bot's"),
    "n_deflected": ("Deflected", "contained, and no agent in a new session of that user within 72 h"),
}
_BOTS: Final = """
select {keys}, sum(n_sessions)::bigint as n_sessions, {sums}
from marts.agg_bot_daily
where is_current(local_date) and is_chosen(app_id, channel)
group by all
order by all
"""
_NO_SESSION: Final = "No session began in this period."
_NO_BOT: Final = (
    "No settled session of this period had both a user and a bot in it. A session is settled when it was closed, or "
    "some days after its last message."
)


def session_section(connection: duckdb.DuckDBPyConnection, scope: Scope) -> Section:
    """Sessions over time and by ending, and the rates of bots."""
    return Section(
        "sessions",
        "Sessions and bots",
        "A conversation never ends, so it is cut into sessions: by being closed, or by a silence of 24 hours (7 days "
        "while a user waits for an answer) unless configured otherwise.",
        (
            *_sessions(connection, scope.period),
            *_bots(connection, scope.period),
        ),
    )


def _sessions(connection: duckdb.DuckDBPyConnection, period: Period) -> tuple[Figure, Figure]:
    columns = [Column(name, heading, Kind.COUNT) for name, heading in _COUNTS.items()]
    head = Column("bucket", period.step_heading, Kind.DATE)
    table = query_table(connection, _TREND, name="sessions", title="Sessions per day", columns=(head, *columns))
    by_bucket = {record["bucket"]: record for record in table.records()}
    totals = {name: sum(record[name] for record in by_bucket.values()) for name in _COUNTS}
    definition = "Sessions by the day on which they began."
    if period.grain != "day":
        definition = f"Sessions that began on an average day of each {period.grain}; the table has the sums."
    if not totals["n_sessions"]:
        return Figure(table, definition, empty=_NO_SESSION), _endings(totals)
    shown = {"n_user_initiated": USER, "n_business_initiated": HUMAN}
    rows = [
        line_row(
            bucket, _COUNTS[name], by_bucket.get(bucket, {}).get(name, 0) / period.bucket_days(bucket), kind=Kind.NUMBER
        )
        for bucket in period.buckets()
        for name in shown
    ]
    series = [Series(_COUNTS[name], color) for name, color in shown.items()]
    spec = lines(rows, period, series=series, ticks=count_ticks(row["value"] for row in rows))
    chart = Chart(spec, "Sessions per day by who began them as lines.")
    return Figure(table, definition, (_n(totals["n_sessions"]),), chart), _endings(totals)


def _endings(totals: Mapping[str, int]) -> Figure:
    every = totals["n_sessions"]
    records: list[dict[str, Any]] = [
        {"ending": _COUNTS[name], "n": totals[name], "share": totals[name] / every if every else None}
        for name in _ENDINGS
    ]
    columns = (
        Column("ending", "Ending", Kind.TEXT),
        Column("n", "Sessions", Kind.COUNT),
        Column("share", "Share", Kind.SHARE),
    )
    table = make_table("session_endings", "How sessions end", columns, records)
    definition = (
        "Closed: by an agent, by the user, or moved to e-mail. Gone quiet: no message for longer than the limit."
    )
    if not every:
        return Figure(table, definition, empty=_NO_SESSION)
    rows = [
        bar_row(record["ending"], record["n"], text=f"{count_text(record['n'])} ({share_text(record['share'])})")
        for record in records
    ]
    series = [Series(_COUNTS[name], color) for name, color in _ENDINGS.items()]
    spec = bars(rows, series=series, most=max(row["value"] for row in rows))
    return Figure(table, definition, (_n(every),), Chart(spec, "Sessions by ending as bars."))


def _bots(connection: duckdb.DuckDBPyConnection, period: Period) -> tuple[Figure, Figure]:
    channels = _rate_table(
        connection,
        "channel",
        name="bots_by_channel",
        title="What bots achieve",
        head=Column("channel", "Channel", Kind.TEXT),
    )
    head = Column("bucket", period.step_heading, Kind.DATE)
    trend = _rate_table(connection, "bucket", name="bots", title="Hand-off and containment over time", head=head)
    definition = "Shares of settled sessions with both a user and a bot, by the day on which the user first wrote."
    meanings = " ".join(f"{label}: {meaning}." for label, meaning in _RATES.values())
    records = list(channels.records())
    every = sum(record["n_sessions"] for record in records)
    if not every:
        return Figure(channels, meanings, empty=_NO_BOT), Figure(trend, definition, empty=_NO_BOT)
    totals = {name: sum(record[name] for record in records) for name in _RATES}
    rows = [
        bar_row(
            label,
            totals[name] / every,
            text=share_text(totals[name] / every),
            tips={"Sessions": count_text(totals[name])},
        )
        for name, (label, _) in _RATES.items()
    ]
    colors = [Series(label, HUMAN if name == "n_handed_off" else BOT) for name, (label, _) in _RATES.items()]
    spec = bars(rows, series=colors, most=1)
    facts = (_n(every),)
    return (
        Figure(channels, meanings, facts, Chart(spec, "Shares of bot sessions by outcome as bars.")),
        Figure(trend, definition, facts, _rate_lines(trend, period)),
    )


def _rate_table(connection: duckdb.DuckDBPyConnection, key: str, *, name: str, title: str, head: Column) -> Table:
    counts = ", ".join(f"sum({rate})::bigint as {rate}" for rate in _RATES)
    keys = "bucket_of(local_date) as bucket" if key == "bucket" else "channel"
    records = query_records(connection, _BOTS.format(keys=keys, sums=counts))
    for record in records:
        record |= {f"share{rate[1:]}": record[rate] / record["n_sessions"] for rate in _RATES}
    columns = [head, Column("n_sessions", "Sessions", Kind.COUNT)]
    for rate, (label, _) in _RATES.items():
        columns += [Column(rate, label, Kind.COUNT), Column(f"share{rate[1:]}", "Share", Kind.SHARE)]
    return make_table(name, title, columns, records)


def _rate_lines(trend: Table, period: Period) -> Chart:
    shown = {
        "share_handed_off": ("Handed off", HUMAN),
        "share_contained": ("Contained", BOT),
        "share_deflected": ("Deflected", OTHER),
    }
    rows = [
        line_row(
            record["bucket"], label, record[name], kind=Kind.SHARE, tips={"Sessions": count_text(record["n_sessions"])}
        )
        for record in trend.records()
        for name, (label, _) in shown.items()
    ]
    series = [Series(label, color) for label, color in shown.values()]
    spec = lines(rows, period, series=series, ticks=share_ticks([row["value"] for row in rows]))
    return Chart(spec, f"Shares of bot sessions handed off, contained and deflected by {period.grain} as lines.")


def _n(count: int) -> str:
    return f"n {plural(count, 'session')}"
