"""How hours, holidays, moments and durations are written in sunlake.toml. A ValueError says how it is done right."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Final

from pipeline.metrics_settings.local_time import EPOCH, MILLISECOND

# Minutes on the clock of a local day, [start, end); an end above 1440 is on the days after.
Minutes = tuple[int, int]

DAY_MINUTES: Final = 24 * 60
WHOLE_DAY: Final[Minutes] = (0, DAY_MINUTES)
LONGEST_DAYS: Final = 366

_HOURS: Final = re.compile(r"([0-9]{1,2}):([0-5][0-9]) ?- ?([0-9]{1,2}):([0-5][0-9])")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DURATION: Final = re.compile(r"(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?")
_UNIT_SECONDS: Final = (86_400, 3_600, 60, 1)


def parse_hours(text: str) -> Minutes:
    """Read "09:00-12:30", or "22:00-30:00" for a night that ends at 06:00."""
    found = _HOURS.fullmatch(text)
    if found is None:
        raise ValueError(f'{text!r} is no interval such as "09:00-12:30", or "22:00-30:00" for a night until 06:00')
    hour, minute, end_hour, end_minute = map(int, found.groups())
    start, end = hour * 60 + minute, end_hour * 60 + end_minute
    if start >= DAY_MINUTES:
        raise ValueError(f"{text!r} begins at 24:00 or later; write it under the next day")
    if end > 2 * DAY_MINUTES:
        raise ValueError(f"{text!r} ends after 48:00; write the rest under the days that follow")
    if end <= start:
        raise ValueError(f'{text!r} does not end after it begins; past midnight go on counting, as in "22:00-30:00"')
    return start, end


def parse_day(text: str) -> date:
    """Read "2025-04-21"."""
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass  # such as the 30th of February, and told like any other text
    raise ValueError(f'{text!r} is no date such as "2025-04-21"')


def parse_holiday(text: str) -> tuple[date, Minutes]:
    """Read "2025-04-21" for the whole day, or "2025-12-24 12:00-18:00" for a part of it."""
    day, _, hours = text.partition(" ")
    try:
        return parse_day(day), parse_hours(hours) if hours else WHOLE_DAY
    except ValueError as error:
        raise ValueError(f'{error}; a holiday is written "2025-04-21" or "2025-12-24 12:00-18:00"') from None


def parse_moment(text: str) -> int:
    """Read "2025-04-21", when that day begins in UTC, or "2025-04-21T08:00:00+02:00". In ms since 1970 UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is not None and _DAY.fullmatch(text):
        moment = moment.replace(tzinfo=UTC)
    if moment is None or moment.tzinfo is None:
        raise ValueError(f'{text!r} is no moment such as "2025-04-21" or "2025-04-21T08:00:00Z"')
    return (moment - EPOCH) // MILLISECOND


def parse_duration(value: str | int) -> int:
    """Read "15m", "8h", "1d12h", "90s", or a number of seconds. In ms."""
    if isinstance(value, int):
        seconds = value
    else:
        found = _DURATION.fullmatch(value)
        if found is None or not value:
            raise ValueError(f'{value!r} is no duration such as "15m", "8h", "1d12h", or a number of seconds')
        parts = zip(found.groups(default="0"), _UNIT_SECONDS, strict=True)
        seconds = sum(int(number) * unit for number, unit in parts)
    if not 0 < seconds <= LONGEST_DAYS * 86_400:
        raise ValueError(f'{value!r} must be above 0 and at most {LONGEST_DAYS} days; write such as "15m" or "8h"')
    return seconds * 1000
