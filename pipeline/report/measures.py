"""How long people wait: every measure of response time, recomputed from its pairs for any set of days and channels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

import duckdb

Clock = Literal["calendar", "business"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One kind of wait.

    Attributes:
        metric, scope: as in marts.agg_response_daily.
        label: for people.
        table: the mart with one row per pair.
        value: the column of milliseconds on the calendar clock; null while unanswered.
        business_value: the same on the business clock.
        population: which rows count.
        is_open: when an unanswered row may still be answered.
    """

    metric: str
    scope: str
    label: str
    table: str
    value: str
    business_value: str
    population: str
    is_open: str


@dataclass(frozen=True, slots=True)
class Waits:
    """The waits of a group: of the whole period if channel and bucket are None. Times are seconds."""

    metric: str
    scope: str
    label: str
    clock: Clock
    period: Literal["current", "before"]
    channel: str | None
    bucket: date | None
    n: int
    n_answered: int
    n_open: int
    n_closed_unanswered: int
    p50_s: float | None
    p90_s: float | None
    p95_s: float | None

    @property
    def open_share(self) -> float | None:
        """What part of n has no answer: a percentile speaks of the rest only."""
        return (self.n_open + self.n_closed_unanswered) / self.n if self.n else None


def _first_reply(scope: str, label: str, condition: str = "true") -> Measure:
    return Measure(
        "frt",
        scope,
        label,
        "marts.fct_sessions",
        f"frt_{scope}_ms",
        f"frt_{scope}_business_ms",
        f"initiated_by = 'user' and not left_truncated and n_user > 0 and {condition}",
        "end_reason = 'open'",
    )


def _reply(scope: str, label: str, *, is_next: bool = False) -> Measure:
    by_class = "true" if scope == "any" else f"status = 'answered' and reply_class = '{scope}'"
    return Measure(
        "next_reply" if is_next else "reply",
        scope,
        label,
        "marts.fct_turns",
        "reply_ms",
        "reply_business_ms",
        f"{by_class} and turn_no > 1" if is_next else by_class,
        "status = 'open'",
    )


def _human(metric: str, label: str, stem: str) -> Measure:
    return Measure(
        metric,
        "human",
        label,
        "marts.fct_human_waits",
        f"{stem}_ms",
        f"{stem}_business_ms",
        "status in ('answered', 'pending_human')",
        "is_open",
    )


MEASURES: Final = (
    _first_reply("any", "First reply by anyone"),
    _first_reply("human", "First reply by a human", "is_human_wanted"),
    _first_reply("bot", "First reply by a bot", "frt_bot_ms is not null"),
    _reply("any", "Any reply"),
    _reply("agent", "Reply by an agent"),
    _reply("bot", "Reply by a bot"),
    _reply("any", "Any later reply", is_next=True),
    _reply("agent", "Later reply by an agent", is_next=True),
    _reply("bot", "Later reply by a bot", is_next=True),
    _human("human_wait", "Wait for a human", "wait"),
    _human("human_handoff", "Wait after hand-off", "handoff"),
)

# One pass over one measure at a time: the states of its percentiles must fit into memory.
_QUERY: Final = """
with pairs as (
    select
        channel_or_none({channel}) as channel,
        local_date,
        {value} as value_ms,
        {is_open} as is_open,
    from {table}
    where {population}
        and is_current_or_before(local_date)
        and is_chosen(app_id, {channel})
),
totals as (
    select period_of(local_date) as period, null as channel, null::date as bucket, {aggregates}
    from pairs
    group by all
),
parts as (
    select 'current' as period, channel, bucket_of(local_date) as bucket, {aggregates}
    from pairs
    where is_current(local_date)
    group by grouping sets ((channel), (bucket_of(local_date)), (channel, bucket_of(local_date)))
)
select * from totals
union all
select * from parts
order by all
"""
_AGGREGATES: Final = """
count(*) as n,
count(value_ms) as n_answered,
count(*) filter (value_ms is null and is_open) as n_open,
count(*) filter (value_ms is null and not is_open) as n_closed_unanswered,
quantile_cont(value_ms::double, [0.5, 0.9, 0.95]) as percentiles
"""


def read_waits(connection: duckdb.DuckDBPyConnection) -> list[Waits]:
    """All measures of the chosen period, its channels and steps, and of the period before, on both clocks."""
    clocks: list[Clock] = ["calendar"]
    if connection.execute("select count(*) from settings.schedule_channels").fetchone() != (0,):
        clocks.append("business")
    return [
        waits
        for measure in MEASURES
        for clock in clocks
        for waits in _read(measure, clock, connection.execute(_sql(measure, clock)).fetchall())
    ]


def _sql(measure: Measure, clock: Clock) -> str:
    is_session = measure.table == "marts.fct_sessions"
    value, population = measure.value, measure.population
    if clock == "business":
        # A pair beyond the days for which hours are known has a reply, but no time on this clock.
        value = measure.business_value
        population += f" and schedule_id is not null and ({measure.value} is null or {value} is not null)"
    return _QUERY.format(
        channel="first_channel" if is_session else "channel",
        value=value,
        is_open=measure.is_open,
        table=measure.table,
        population=population,
        aggregates=_AGGREGATES,
    )


def _read(measure: Measure, clock: Clock, rows: Sequence[tuple[Any, ...]]) -> Iterator[Waits]:
    for period, channel, bucket, *counts, percentiles in rows:
        n, n_answered, n_open, n_closed_unanswered = counts
        p50_s, p90_s, p95_s = [None if value is None else value / 1000 for value in percentiles or [None] * 3]
        yield Waits(
            metric=measure.metric,
            scope=measure.scope,
            label=measure.label,
            clock=clock,
            period=period,
            channel=channel,
            bucket=bucket,
            n=n,
            n_answered=n_answered,
            n_open=n_open,
            n_closed_unanswered=n_closed_unanswered,
            p50_s=p50_s,
            p90_s=p90_s,
            p95_s=p95_s,
        )
