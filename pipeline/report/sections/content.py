"""What is written, and when people change the channel."""

from __future__ import annotations

from typing import Final

import duckdb

from pipeline.report.charts import Series, bars
from pipeline.report.figure import Chart, Figure, Section
from pipeline.report.scope import Scope
from pipeline.report.sections.chart_rows import bar_row
from pipeline.report.table import Column, query_records, query_table
from pipeline.report.theme import BOT, HUMAN, OTHER, USER
from pipeline.report.wording import Kind, count_text, plural, share_text

MOST_BARS: Final = 12

_CLASSES: Final = {
    "user": ("Users", USER),
    "agent": ("Agents", HUMAN),
    "bot": ("Bots", BOT),
    "other": ("Others", OTHER),
}
_CONTENT: Final = """
with counts as (
    select
        coalesce(content_type, 'unknown') as content_type,
        case when class in ('user', 'agent', 'bot') then class else 'other' end as class,
        sum(n)::bigint as n,
    from marts.agg_content_daily
    where is_current(local_date) and is_chosen_app(app_id)
    group by all
)
select
    content_type,
    coalesce(sum(n) filter (class = 'user'), 0)::bigint as user,
    coalesce(sum(n) filter (class = 'agent'), 0)::bigint as agent,
    coalesce(sum(n) filter (class = 'bot'), 0)::bigint as bot,
    coalesce(sum(n) filter (class = 'other'), 0)::bigint as other,
    sum(n)::bigint as n,
    sum(n) / sum(sum(n)) over () as share,
from counts
group by all
order by n desc, content_type
"""
_SWITCHES: Final = """
select
    from_family,
    to_family,
    count(*) as n_switches,
    count(distinct (app_id, session_id)) as n_sessions,
from marts.fct_channel_switches
where is_current(local_date) and (is_chosen(app_id, from_channel) or is_chosen(app_id, to_channel))
group by all
order by n_switches desc, from_family, to_family
"""
_SWITCH_RATE: Final = """
select
    coalesce(sum(n_multi_message), 0)::bigint as n_multi_message,
    coalesce(sum(n_with_switch), 0)::bigint as n_with_switch,
from marts.agg_session_daily
where is_current(local_date) and is_chosen(app_id, channel)
"""


def content_section(connection: duckdb.DuckDBPyConnection, scope: Scope) -> Section:
    """Content mix and channel switches."""
    return Section(
        "content",
        "Content and channel switches",
        "What messages hold, and where people go on in another channel.",
        (_content(connection, scope), _switches(connection)),
    )


def _content(connection: duckdb.DuckDBPyConnection, scope: Scope) -> Figure:
    columns = (
        Column("content_type", "Content", Kind.TEXT),
        *(Column(name, label, Kind.COUNT) for name, (label, _) in _CLASSES.items()),
        Column("n", "All", Kind.COUNT),
        Column("share", "Share", Kind.SHARE),
    )
    table = query_table(connection, _CONTENT, name="content", title="Content of messages", columns=columns)
    definition = "Messages by type of content and writer; “deleted” are placeholders of what was removed."
    if scope.channels is not None:
        definition += " All channels: content is not counted by channel."
    if not table:
        return Figure(table, definition, empty="No message was written in this period.")
    records = list(table.records())
    shown = [name for name in _CLASSES if any(record[name] for record in records)]
    rows = [
        bar_row(
            record["content_type"],
            record[name],
            text=f"{count_text(record['n'])} ({share_text(record['share'])})" if name == shown[0] else None,
            series=_CLASSES[name][0],
            order=order,
            total=record["n"],
            tips={"Writer": _CLASSES[name][0], "Messages": count_text(record[name])},
        )
        for record in records[:MOST_BARS]
        for order, name in enumerate(shown)
    ]
    series = [Series(*_CLASSES[name]) for name in shown]
    spec = bars(rows, series=series, most=max(record["n"] for record in records))
    total = sum(record["n"] for record in records)
    chart = Chart(spec, "Messages by type of content, stacked by writer, as bars.")
    return Figure(table, definition, (f"n {plural(total, 'message')}",), chart)


def _switches(connection: duckdb.DuckDBPyConnection) -> Figure:
    columns = (
        Column("from_family", "From", Kind.TEXT),
        Column("to_family", "To", Kind.TEXT),
        Column("n_switches", "Switches", Kind.COUNT),
        Column("n_sessions", "Sessions", Kind.COUNT),
    )
    table = query_table(connection, _SWITCHES, name="channel_switches", title="Channel switches", columns=columns)
    definition = (
        "Two consecutive messages of a user in one session on different channels; web and mobile apps count as one "
        "(sdk). The rate is of sessions with at least two messages of the user."
    )
    (rate,) = query_records(connection, _SWITCH_RATE)
    every = rate["n_multi_message"]
    facts = (f"n {plural(every, 'session')}", f"rate {share_text(rate['n_with_switch'] / every)}") if every else ()
    if not table:
        reason = "Nobody changed the channel within a session." if every else "No session has two messages of a user."
        return Figure(table, definition, facts, empty=reason)
    rows = [
        bar_row(
            f"{record['from_family']} → {record['to_family']}",
            record["n_switches"],
            text=count_text(record["n_switches"]),
            series="Switches",
        )
        for record in list(table.records())[:MOST_BARS]
    ]
    spec = bars(rows, series=[Series("Switches", USER)], most=rows[0]["value"])
    return Figure(table, definition, facts, Chart(spec, "Channel switches by direction as bars."))
