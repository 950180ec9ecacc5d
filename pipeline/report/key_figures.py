"""The numbers at the top of the page, each with its change against the period before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import duckdb

from pipeline.report.figure import KeyFigure
from pipeline.report.measures import Waits
from pipeline.report.scope import Scope
from pipeline.report.sections.backlog import backlog_at_end
from pipeline.report.sections.responses import find_waits, wait_facts
from pipeline.report.table import Column, Table, make_table, query_records
from pipeline.report.wording import Kind, change_text, count_text, value_text

Good = Literal["more", "less", ""]

_SUMS: Final = """
with volume as (
    select period_of(local_date) as period, sum(n_in) as n_in, sum(n_out_agent) as n_agent, sum(n_out_bot) as n_bot
    from marts.agg_channel_daily
    where is_current_or_before(local_date) and is_chosen(app_id, channel)
    group by all
),
users as (
    select period_of(local_date) as period, count(distinct (app_id, user_key)) as n_users
    from intermediate.int_conversation_hours
    where class = 'user' and user_key <> 'none' and is_current_or_before(local_date) and is_chosen(app_id, channel)
    group by all
),
sessions as (
    select
        period_of(local_date) as period,
        sum(n_sessions) as n_sessions,
        sum(n_user_initiated) as n_user_initiated,
    from marts.agg_session_daily
    where is_current_or_before(local_date) and is_chosen(app_id, channel)
    group by all
),
bots as (
    select
        period_of(local_date) as period,
        sum(n_sessions) as n_bot_sessions,
        sum(n_handed_off) as n_handed_off,
        sum(n_contained) as n_contained,
    from marts.agg_bot_daily
    where is_current_or_before(local_date) and is_chosen(app_id, channel)
    group by all
),
targets as (
    select period_of(local_date) as period, sum(n_met) as n_met, sum(n_met + n_breached) as n_judged
    from marts.agg_sla_daily
    where is_current_or_before(local_date) and is_chosen(app_id, channel)
    group by all
)
select *
from (values ('current'), ('before')) as periods (period)
left join volume using (period)
left join users using (period)
left join sessions using (period)
left join bots using (period)
left join targets using (period)
"""


def key_figures(
    connection: duckdb.DuckDBPyConnection, waits: Sequence[Waits], scope: Scope
) -> tuple[tuple[KeyFigure, ...], Table]:
    """The numbers as a page shows them, and as a table."""
    collected = _Collected(is_compared=scope.before is not None)
    sums = {record["period"]: _without_none(record) for record in query_records(connection, _SUMS)}
    now, before = sums["current"], sums["before"]
    _add_counts(collected, now, before)
    for metric, of, label in (("frt", "human", "First reply by a human"), ("human_wait", "human", "Wait for a human")):
        _add_waits(collected, waits, metric, of, label)
    _add_backlog(collected, *(backlog_at_end(connection, scope, each) for each in (scope.period, scope.period.before)))
    _add_shares(collected, now, before)
    return tuple(collected.figures), collected.table()


def _add_counts(collected: _Collected, now: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    collected.add(
        "Messages from users",
        now["n_in"],
        before["n_in"],
        Kind.COUNT,
        details=(f"from agents {count_text(now['n_agent'])}", f"from bots {count_text(now['n_bot'])}"),
    )
    collected.add("Users who wrote", now["n_users"], before["n_users"], Kind.COUNT)
    of_all = f"of {count_text(now['n_sessions'])} in all"
    collected.add(
        "Sessions begun by users", now["n_user_initiated"], before["n_user_initiated"], Kind.COUNT, details=(of_all,)
    )


def _add_waits(collected: _Collected, waits: Sequence[Waits], metric: str, of: str, label: str) -> None:
    now, before = find_waits(waits, metric, of), find_waits(waits, metric, of, period="before")
    collected.add(
        f"{label}, median",
        now.p50_s if now else None,
        before.p50_s if before else None,
        Kind.SECONDS,
        good="less",
        details=(f"90th percentile {value_text(now.p90_s, Kind.SECONDS)}", *wait_facts(now)) if now else (),
    )


def _add_backlog(collected: _Collected, now: Mapping[str, Any] | None, before: Mapping[str, Any] | None) -> None:
    oldest = now["oldest_pending_human_age_s"] if now else None
    collected.add(
        "Waiting for a human at the end",
        now["pending_human"] if now else None,
        before["pending_human"] if before else None,
        Kind.COUNT,
        good="less",
        details=(f"oldest {value_text(oldest, Kind.SECONDS)}",) if oldest is not None else (),
    )


def _add_shares(collected: _Collected, now: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    bot_sessions = (f"n {count_text(now['n_bot_sessions'])} sessions with a bot",)
    for label, name in (("Contained by bots", "n_contained"), ("Handed off by bots", "n_handed_off")):
        share, share_before = (_share(sums, name, "n_bot_sessions") for sums in (now, before))
        collected.add(label, share, share_before, Kind.SHARE, details=bot_sessions if share is not None else ())
    share, share_before = (_share(sums, "n_met", "n_judged") for sums in (now, before))
    details = (f"n {count_text(now['n_judged'])} judged",) if share is not None else ()
    collected.add("Targets met", share, share_before, Kind.SHARE, good="more", details=details)


class _Collected:
    """Key figures in the making."""

    def __init__(self, *, is_compared: bool) -> None:
        self.is_compared = is_compared
        self.figures: list[KeyFigure] = []
        self.rows: list[dict[str, Any]] = []

    def add(
        self,
        label: str,
        value: float | None,
        before: float | None,
        kind: Kind,
        *,
        good: Good = "",
        details: tuple[str, ...] = (),
    ) -> None:
        earlier = before if self.is_compared else None
        shown, shown_before = value_text(value, kind), value_text(earlier, kind)
        change = change_text(value, earlier, kind)
        verdict = _verdict(value, earlier, good) if change not in {"", "no change"} else ""
        self.figures.append(KeyFigure(label, shown, change, verdict, shown_before, details))
        self.rows.append(
            {
                "figure": label,
                "shown": shown,
                "change": change,
                "shown_before": shown_before,
                "details": "; ".join(details),
                "unit": {Kind.SECONDS: "seconds", Kind.SHARE: "share"}.get(kind, "count"),
                "value": None if value is None else float(value),
                "before": None if earlier is None else float(earlier),
            }
        )

    def table(self) -> Table:
        columns = (
            Column("figure", "Figure", Kind.TEXT),
            Column("shown", "Now", Kind.TEXT),
            Column("change", "Change", Kind.TEXT),
            Column("shown_before", "Before", Kind.TEXT),
            Column("details", "Details", Kind.TEXT),
            Column("unit", "Unit", Kind.TEXT),
            Column("value", "Value", Kind.NUMBER),
            Column("before", "Value before", Kind.NUMBER),
        )
        return make_table("key_figures", "Key figures", columns, self.rows)


def _verdict(value: float | None, before: float | None, good: Good) -> Literal["better", "worse", ""]:
    if value is None or before is None or value == before or not good:
        return ""
    return "better" if (value > before) == (good == "more") else "worse"


def _share(sums: Mapping[str, Any], part: str, whole: str) -> float | None:
    return sums[part] / sums[whole] if sums[whole] else None


def _without_none(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: 0 if value is None else value for name, value in record.items()}
