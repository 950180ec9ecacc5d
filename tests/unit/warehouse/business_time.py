"""Schedules to test with, and business time without SQL and prefix sums, to hold theirs against."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.metrics_settings import BusinessSchedule
from pipeline.warehouse.calendar import Calendar, expand

# From a moment, to a moment, business time in ms: on the working days of Paris with Easter Monday off.
V4 = [
    ("2025-03-28T16:30:00", "2025-03-31T07:15:00", 2_700_000),
    ("2025-04-18T15:30:00", "2025-04-22T07:10:00", 2_400_000),
    ("2025-03-29T11:00:00", "2025-03-31T07:00:00", 0),
    ("2025-04-01T16:00:00", "2025-04-01T16:00:30", 0),
    ("2025-04-01T15:59:59.999", "2025-04-02T07:00:00.001", 2),
]


def ms(text: str) -> int:
    """The moment of such as "2025-03-28T16:30", in UTC, in ms since 1970."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def office(*holidays: str, hours: str = "09:00-18:00", schedule_id: str = "office") -> BusinessSchedule:
    """A schedule of the same hours from Monday to Friday in Paris."""
    return BusinessSchedule(
        id=schedule_id,
        timezone="Europe/Paris",
        monday=(hours,),
        tuesday=(hours,),
        wednesday=(hours,),
        thursday=(hours,),
        friday=(hours,),
        holidays=holidays,
    )


def always(*holidays: str, timezone: str = "Europe/Paris") -> BusinessSchedule:
    """A schedule that never closes but on holidays."""
    day = ("00:00-24:00",)
    return BusinessSchedule(
        id="always",
        timezone=timezone,
        monday=day,
        tuesday=day,
        wednesday=day,
        thursday=day,
        friday=day,
        saturday=day,
        sunday=day,
        holidays=holidays,
    )


def calendar_of(schedule: BusinessSchedule, *, year: int = 2025) -> Calendar:
    """The schedule laid out for questions of one year."""
    return expand(schedule, default_zone="UTC", first_ms=ms(f"{year}-02-01"), last_ms=ms(f"{year}-11-01"))


def business_ms(calendar: Calendar, start: int, end: int) -> int:
    """How long the calendar is open between two moments."""
    return sum(max(0, min(stop, end) - max(begin, start)) for begin, stop in calendar.spans)
