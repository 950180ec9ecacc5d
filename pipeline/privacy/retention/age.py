"""Ages such as `30d`, `24m` or `2y`, and the moment that lies so far back."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from pipeline.errors import UsageError

Unit = Literal["d", "m", "y"]

_AGE: Final = re.compile(r"([0-9]{1,5})([dmy])")
_OLDEST_DAYS: Final = 100 * 366
_DAYS: Final[dict[str, int]] = {"d": 1, "m": 30, "y": 365}


@dataclass(frozen=True, slots=True)
class Age:
    """So many days, months or years."""

    count: int
    unit: Unit

    def before(self, now: datetime) -> datetime:
        """The moment of this age, in UTC: the same time of day so many days, or calendar months or years, ago.

        Where a month has no such day, its last day.
        """
        at = now.astimezone(UTC)
        if self.unit == "d":
            return at - timedelta(days=self.count)
        months = at.year * 12 + at.month - 1 - self.count * (12 if self.unit == "y" else 1)
        year, month = divmod(months, 12)
        day = min(at.day, calendar.monthrange(year, month + 1)[1])
        return at.replace(year=year, month=month + 1, day=day)


def read_age(text: str) -> Age:
    """The age that a text names: `30d`, `24m`, `2y`.

    Raises:
        UsageError: it names none, nothing would be left, or it is beyond a hundred years.
    """
    match = _AGE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text!r} is no age: write a whole number and d, m or y, such as 30d, 24m or 2y")
    count, unit = int(match[1]), match[2]
    if count == 0:
        raise UsageError(f"{text!r} would remove everything: an age is at least 1d")
    if count * _DAYS[unit] > _OLDEST_DAYS:
        raise UsageError(f"{text!r} is too old: an age is at most 100y")
    return Age(count, "d" if unit == "d" else "m" if unit == "m" else "y")
