"""Moments: UTC milliseconds, the local calendar of a zone, and the naive UTC timestamps of a mart."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(moment: datetime) -> int:
    """UTC milliseconds of an aware moment."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def to_moment(ms: int) -> datetime:
    """The aware moment of UTC milliseconds."""
    return _EPOCH + timedelta(milliseconds=ms)


def to_naive(ms: int | None) -> datetime | None:
    """The naive UTC timestamp that a mart shows (rule R1)."""
    return None if ms is None else to_moment(ms).replace(tzinfo=None)


@lru_cache(maxsize=200_000)
def local_date(ms: int, zone: str) -> date:
    """The local day that a moment lies in (rule R5)."""
    return to_moment(ms).astimezone(ZoneInfo(zone)).date()


def local_hour(ms: int, zone: str) -> int:
    """The hour on the local clock."""
    return to_moment(ms).astimezone(ZoneInfo(zone)).hour


def local_weekday(ms: int, zone: str) -> int:
    """The local day of the week, 1 for Monday."""
    return local_date(ms, zone).isoweekday()


def wall_clock_ms(day: date, minutes: int, zone: str) -> int:
    """When the clock on the wall shows so many minutes after the midnight that begins `day`; 1500 is 01:00 of the next.

    A time that comes twice is the first of the two (fold=0), one that is skipped is moved on by the jump.
    """
    wall = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) + timedelta(minutes=minutes)
    return to_ms(wall.astimezone(UTC))


def midnight_ms(day: date, zone: str) -> int:
    """When a local day begins."""
    return wall_clock_ms(day, 0, zone)
