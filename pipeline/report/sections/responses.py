"""How long people wait: first replies, replies, waits for a human; over time, by channel, on both clocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any, Final

from pipeline.report.charts import Series, lines, ranges
from pipeline.report.figure import Chart, Figure, Section
from pipeline.report.measures import Waits
from pipeline.report.period import Period
from pipeline.report.scales import Ticks, decade_ticks, time_ticks
from pipeline.report.scope import Scope
from pipeline.report.sections.wait_words import PAIRS, Pair, Wait
from pipeline.report.table import Column, Table, make_table
from pipeline.report.theme import OTHER
from pipeline.report.wording import Kind, count_text, date_text, value_text

MEDIAN: Final = "Median"
HIGH: Final = "90th percentile"
BUSINESS: Final = "In business hours"
MOST_CHANNELS: Final = 12
LOGARITHMIC: Final = "Logarithmic axis."

_NUMBERS: Final = (
    Column("n", "n", Kind.COUNT),
    Column("n_answered", "Answered", Kind.COUNT),
    Column("n_open", "Open", Kind.COUNT),
    Column("n_closed_unanswered", "Closed unanswered", Kind.COUNT),
    Column("open_share", "Open share", Kind.SHARE),
    Column("p50_s", "Median", Kind.SECONDS),
    Column("p90_s", "90th percentile", Kind.SECONDS),
    Column("p95_s", "95th percentile", Kind.SECONDS),
)
_LABEL: Final = Column("label", "Measure", Kind.TEXT)
_CHANNEL: Final = Column("channel", "Channel", Kind.TEXT)
_CLOCK: Final = Column("clock", "Clock", Kind.TEXT)


def response_section(waits: Sequence[Waits], scope: Scope, channels: Sequence[Series]) -> Section:
    """First replies, replies and waits for a human.

    Args:
        waits: from `read_waits`.
        scope: what the report is about.
        channels: those that are drawn over time.
    """
    figures = [figure for pair in PAIRS for figure in _pair(pair, waits, scope.period, channels)]
    return Section(
        "responses",
        "Response times",
        "Percentiles are computed from the single waits of the period, never averaged. A wait belongs to the day on "
        "which it began. The open share is the part of n that has no answer, whether still open or closed: percentiles "
        "say nothing about it, so days with many open waits look faster than they were.",
        (*figures, _all_measures(waits)),
    )


def find_waits(waits: Iterable[Waits], metric: str, scope: str, *, period: str = "current") -> Waits | None:
    """The waits of a whole period on the calendar clock; None if there are none."""
    wanted = (metric, scope, "calendar", period, None, None)
    return next((each for each in waits if _key(each) == wanted), None)


def wait_facts(waits: Waits) -> tuple[str, ...]:
    """What stands beside a percentile."""
    return (f"n {count_text(waits.n)}", f"open share {value_text(waits.open_share, Kind.SHARE)}")


def _key(waits: Waits) -> tuple[object, ...]:
    return waits.metric, waits.scope, waits.clock, waits.period, waits.channel, waits.bucket


def _pair(pair: Pair, waits: Sequence[Waits], period: Period, channels: Sequence[Series]) -> list[Figure]:
    return [
        *(_trend(wait, waits, period) for wait in pair.both),
        _by_channel(pair, waits),
        _channel_trend(pair, waits, period, channels),
    ]


def _trend(wait: Wait, waits: Sequence[Waits], period: Period) -> Figure:
    """Median and 90th percentile over time."""
    found = _select(waits, wait, has=lambda each: each.channel is None and each.bucket is not None)
    found.sort(key=lambda each: (each.bucket, each.clock != "calendar"))
    table = _table(wait.key, wait.title, (Column("bucket", period.step_heading, Kind.DATE), _CLOCK), found)
    whole = find_waits(waits, wait.metric, wait.scope)
    if whole is None:
        return Figure(table, wait.definition, empty=wait.empty)
    facts = (f"median {_time(whole.p50_s)}", f"90th percentile {_time(whole.p90_s)}", *_facts(wait, whole, waits))
    if whole.n_answered == 0:
        return Figure(table, wait.definition, facts, empty="None of these waits has ended yet, so there is no time.")
    series = [Series(MEDIAN, wait.color), Series(HIGH, OTHER)]
    if wait.scope != "bot" and any(each.clock == "business" for each in found):
        series.insert(1, Series(BUSINESS, wait.color, is_dashed=True))
    drawn = {each.name for each in series}
    rows = [row for each in found for row in _trend_rows(each) if row["series"] in drawn]
    ticks = time_ticks(row["value"] for row in rows)
    spec = lines(rows, period, series=series, ticks=ticks)
    words = f"{wait.title}: median and 90th percentile by {period.grain} as lines."
    dashed = "Dashed: the median of business hours." if len(series) > 2 else ""
    return Figure(table, wait.definition, facts, Chart(spec, words, f"{dashed} {_note(ticks)}".strip()))


def _facts(wait: Wait, whole: Waits, waits: Sequence[Waits]) -> tuple[str, ...]:
    if wait.metric != "reply":
        return wait_facts(whole)
    # Only answered turns belong to a class of writers, so their own open share would always be 0.
    every = find_waits(waits, "reply", "any")
    share = value_text(every.open_share if every else None, Kind.SHARE)
    return f"n {count_text(whole.n)}", f"open share of any reply {share}"


def _trend_rows(waits: Waits) -> list[dict[str, Any]]:
    shown = {MEDIAN: waits.p50_s, HIGH: waits.p90_s} if waits.clock == "calendar" else {BUSINESS: waits.p50_s}
    return [{**_tips(waits), "bucket": waits.bucket, "series": name, "value": value} for name, value in shown.items()]


def _by_channel(pair: Pair, waits: Sequence[Waits]) -> Figure:
    """Both measures of each channel, from median to 90th percentile."""
    found = [
        each
        for wait in pair.both
        for each in _select(waits, wait, has=lambda each: each.channel is not None and each.bucket is None)
    ]
    table = _table(f"{pair.key}_by_channel", f"{pair.title} by channel", (_CHANNEL, _LABEL, _CLOCK), found)
    definition = f"Median and 90th percentile; at most {MOST_CHANNELS} channels are drawn, those with most waits."
    answered = [each for each in found if each.clock == "calendar" and each.n_answered]
    if not answered:
        return Figure(table, definition, empty="There is no answered wait in this period.")
    names = {(wait.metric, wait.scope): wait.name for wait in pair.both}
    busiest = _busiest(answered)[:MOST_CHANNELS]
    rows: list[dict[str, Any]] = [
        {
            **_tips(each),
            "label": each.channel,
            "series": names[each.metric, each.scope],
            "p50": each.p50_s,
            "p90": each.p90_s,
        }
        for channel in busiest
        for each in answered
        if each.channel == channel
    ]
    ticks = decade_ticks([value for each in answered for value in (each.p50_s, each.p90_s)])
    shown = {row["series"] for row in rows}
    series = [Series(wait.name, wait.color) for wait in pair.both if wait.name in shown]
    words = f"{pair.title}: median and 90th percentile of each channel as ranges."
    note = f"Dot: median, tick: 90th percentile, in calendar hours. {LOGARITHMIC}"
    chart = Chart(ranges(rows, series=series, ticks=ticks), words, note)
    return Figure(table, definition, _all_facts(pair.both, waits), chart)


def _channel_trend(pair: Pair, waits: Sequence[Waits], period: Period, channels: Sequence[Series]) -> Figure:
    """The median of the first measure over time, one line for each of some channels."""
    wait = pair.first
    found = _select(waits, wait, has=lambda each: each.channel is not None and each.bucket is not None)
    found.sort(key=lambda each: (each.channel, each.bucket, each.clock != "calendar"))
    title = f"{wait.title}: channels over time"
    table = _table(
        f"{pair.key}_channel_trend", title, (_CHANNEL, Column("bucket", period.step_heading, Kind.DATE), _CLOCK), found
    )
    answered = [each for each in found if each.clock == "calendar" and each.n_answered]
    definition = "Median by channel, calendar hours."
    if not answered:
        return Figure(table, definition, empty=wait.empty)
    series = [each for each in channels if any(each.name == waits.channel for waits in answered)]
    rows: list[dict[str, Any]] = [
        {**_tips(each), "bucket": each.bucket, "series": each.channel, "value": each.p50_s}
        for each in answered
        if any(each.channel == channel.name for channel in series)
    ]
    if len({each.channel for each in answered}) > len(series):
        definition += " The busiest channels are drawn; the table has all."
    if not rows:
        return Figure(table, definition, _all_facts((wait,), waits))
    ticks = time_ticks(row["value"] for row in rows)
    spec = lines(rows, period, series=series, ticks=ticks)
    words = f"{wait.title}: median of each channel by {period.grain} as lines."
    return Figure(table, definition, _all_facts((wait,), waits), Chart(spec, words, _note(ticks)))


def _note(ticks: Ticks) -> str:
    return LOGARITHMIC if ticks.is_log else ""


def _all_facts(shown: Sequence[Wait], waits: Sequence[Waits]) -> tuple[str, ...]:
    """What stands beside the percentiles of a chart."""
    facts = []
    for wait in shown:
        whole = find_waits(waits, wait.metric, wait.scope)
        if whole is not None:
            name = f"{wait.name}: " if len(shown) > 1 else ""
            facts.append(name + ", ".join(_facts(wait, whole, waits)))
    return tuple(facts)


def _all_measures(waits: Sequence[Waits]) -> Figure:
    """Everything in numbers, also what no chart shows."""
    found = [each for each in waits if each.period == "current" and each.channel is None and each.bucket is None]
    table = _table("response_times", "All response times", (_LABEL, _CLOCK), found)
    definition = "Every measure of the whole period. Later replies are those after the first of a session."
    if not found:
        return Figure(table, definition, empty="No user wrote in this period.", is_wide=True)
    if not any(each.clock == "business" for each in waits):
        definition += (
            " There are calendar hours only, because no business hours are set: add [[warehouse.schedules]] to "
            "sunlake.toml and run `sunlake build`."
        )
    return Figure(table, definition, is_wide=True)


def _select(waits: Iterable[Waits], wait: Wait, *, has: Callable[[Waits], bool]) -> list[Waits]:
    wanted = (wait.metric, wait.scope, "current")
    return [each for each in waits if (each.metric, each.scope, each.period) == wanted and has(each)]


def _table(name: str, title: str, keys: Sequence[Column], waits: Iterable[Waits]) -> Table:
    return make_table(
        name, title, (*keys, *_NUMBERS), [asdict(each) | {"open_share": each.open_share} for each in waits]
    )


def _busiest(waits: Iterable[Waits]) -> list[str]:
    """The channels, those with most waits first."""
    counts: dict[str, int] = {}
    for each in waits:
        assert each.channel is not None
        counts[each.channel] = counts.get(each.channel, 0) + each.n
    return sorted(counts, key=lambda channel: (-counts[channel], channel))


def _tips(waits: Waits) -> dict[str, str]:
    """What a tooltip says."""
    place: dict[str, str] = {}
    if waits.bucket is not None:
        place["tip From"] = date_text(waits.bucket)
    if waits.channel is not None:
        place["tip Channel"] = waits.channel
    return place | {
        "tip Median": _time(waits.p50_s),
        "tip 90th percentile": _time(waits.p90_s),
        "tip n": count_text(waits.n),
        "tip Open share": value_text(waits.open_share, Kind.SHARE),
    }


def _time(seconds: float | None) -> str:
    return value_text(seconds, Kind.SECONDS)
