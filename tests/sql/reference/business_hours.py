"""Business hours (metrics.md, section 3.7): intervals of a schedule, time within them, and when a budget is used up."""

from __future__ import annotations

from bisect import bisect_right
from datetime import timedelta
from functools import lru_cache
from operator import itemgetter
from typing import TypeAlias

from tests.sql.reference.moments import midnight_ms, wall_clock_ms
from tests.sql.reference.settings import Schedule

Interval: TypeAlias = tuple[int, int]


@lru_cache(maxsize=64)
def intervals(schedule: Schedule) -> tuple[Interval, ...]:
    """The opening times of a schedule in UTC milliseconds, sorted and without overlap."""
    opened: list[Interval] = []
    day = schedule.first_day - timedelta(days=1)  # a night may reach into the first day
    while day <= schedule.last_day:
        for weekday, start, end in schedule.weekly:
            if weekday == day.isoweekday():
                opened.append(
                    (wall_clock_ms(day, start, schedule.time_zone), wall_clock_ms(day, end, schedule.time_zone))
                )
        day += timedelta(days=1)
    for holiday in schedule.holidays:
        closed = (
            wall_clock_ms(holiday.day, holiday.start, schedule.time_zone),
            wall_clock_ms(holiday.day, holiday.end, schedule.time_zone),
        )
        opened = [part for interval in opened for part in _without(interval, closed)]
    return tuple(_merged(opened))


@lru_cache(maxsize=64)
def expanded_range(schedule: Schedule) -> Interval:
    """The moments for which the schedule is known."""
    return (
        midnight_ms(schedule.first_day, schedule.time_zone),
        midnight_ms(schedule.last_day + timedelta(days=1), schedule.time_zone),
    )


def business_ms(schedule: Schedule | None, from_ms: int, to_ms: int) -> int | None:
    """Milliseconds of business between two moments; None without a schedule or beyond the days it is known for."""
    if schedule is None:
        return None
    first, last = expanded_range(schedule)
    if not first <= from_ms <= to_ms <= last:
        return None
    opened = intervals(schedule)
    spent = 0
    for start, end in opened[bisect_right(opened, from_ms, key=itemgetter(1)) :]:
        if start >= to_ms:
            break
        spent += min(end, to_ms) - max(start, from_ms)
    return spent


def due_ms(schedule: Schedule, from_ms: int, budget_ms: int) -> int | None:
    """The first moment by which so many milliseconds of business have passed; None if that is not within the range."""
    if from_ms < expanded_range(schedule)[0]:
        return None
    opened = intervals(schedule)
    left = budget_ms
    for start, end in opened[bisect_right(opened, from_ms, key=itemgetter(1)) :]:
        open_ms = end - max(start, from_ms)
        if left <= open_ms:
            return max(start, from_ms) + left
        left -= open_ms
    return None


def _without(interval: Interval, closed: Interval) -> list[Interval]:
    before = (interval[0], min(interval[1], closed[0]))
    after = (max(interval[0], closed[1]), interval[1])
    if closed[1] <= interval[0] or interval[1] <= closed[0]:
        return [interval]
    return [part for part in (before, after) if part[0] < part[1]]


def _merged(opened: list[Interval]) -> list[Interval]:
    merged: list[Interval] = []
    for start, end in sorted(opened):
        if start >= end:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
