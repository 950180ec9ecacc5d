"""Business hours as intervals of UTC: schedules are written in local clock times, durations are measured in moments.

SQL never converts a clock time: of one that comes twice, DuckDB takes the second occurrence, and we the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

from pipeline.metrics_settings import BusinessSchedule
from pipeline.metrics_settings.local_time import utc_ms

# A moment of UTC and another that is out, in ms since 1970.
Span = tuple[int, int]

DAY = timedelta(days=1)
# An interval ends at 48:00 at the latest, so what is open on a day began that day or the day before.
REACH = 1 * DAY
# Deadlines lie behind the last message, so a calendar goes on to the end of the year after.
YEARS_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Calendar:
    """When a schedule is open between two moments (ms since 1970 UTC, end exclusive); outside, nothing is known.

    `spans` are sorted, and neither overlap nor touch.
    """

    schedule_id: str
    time_zone: str
    from_ms: int
    to_ms: int
    spans: tuple[Span, ...]

    @property
    def open_ms_before(self) -> tuple[int, ...]:
        """The open time before each span, in ms since the calendar's begin."""
        return tuple(accumulate((end - start for start, end in self.spans[:-1]), initial=0)) if self.spans else ()


def expand(schedule: BusinessSchedule, *, default_zone: str, first_ms: int, last_ms: int) -> Calendar:
    """Lay a schedule out over whole years, which keeps the calendar the same from one build to the next.

    Its validity is not looked at: that says which questions choose the schedule, which then measures them to the end.

    Args:
        schedule: checked.
        default_zone: the zone of its clock if it names none.
        first_ms: the earliest moment to measure, in ms since 1970 UTC.
        last_ms: the latest moment to measure; deadlines may lie a year behind it.
    """
    zone = schedule.zone(default_zone)
    first = date(datetime.fromtimestamp(first_ms / 1000, zone).year, 1, 1)
    end = date(datetime.fromtimestamp(last_ms / 1000, zone).year + YEARS_AHEAD, 1, 1)
    from_ms, to_ms = utc_ms(first, zone=zone), utc_ms(end, zone=zone)
    opened = _merged(_opened(schedule, zone, first - REACH, end))
    closed = _merged(_closed(schedule, zone))
    clipped = ((max(start, from_ms), min(stop, to_ms)) for start, stop in _without(opened, closed))
    spans = tuple((start, stop) for start, stop in clipped if start < stop)
    return Calendar(schedule.id, zone.key, from_ms, to_ms, spans)


def _opened(schedule: BusinessSchedule, zone: ZoneInfo, first: date, end: date) -> Iterator[Span]:
    week = schedule.week
    day = first
    while day < end:
        if week[day.weekday()] and _exists(day, zone):
            for start, stop in week[day.weekday()]:
                yield utc_ms(day, minute=start, zone=zone), utc_ms(day, minute=stop, zone=zone)
        day += DAY


def _exists(day: date, zone: ZoneInfo) -> bool:
    # Samoa went from the 29th to the 31st of December 2011.
    return utc_ms(day, zone=zone) < utc_ms(day + DAY, zone=zone)


def _closed(schedule: BusinessSchedule, zone: ZoneInfo) -> Iterator[Span]:
    for day, (start, stop) in schedule.closures:
        yield utc_ms(day, minute=start, zone=zone), utc_ms(day, minute=stop, zone=zone)


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, stop in sorted(spans):
        if start >= stop:  # a clock time that is skipped may come after the one that ends the interval
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def _without(opened: list[Span], closed: list[Span]) -> Iterator[Span]:
    for start, stop in opened:
        rest = start
        for shut, reopened in closed:
            if shut < stop and reopened > rest:
                yield rest, shut
                rest = reopened
        yield rest, stop
