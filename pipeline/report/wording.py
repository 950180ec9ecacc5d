"""How the report writes numbers: times as "4 min 32 s", shares as "3.2 %", changes in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

SPACE: Final = "\N{NO-BREAK SPACE}"
NOTHING: Final = "\N{EN DASH}"
MINUTE: Final = 60
HOUR: Final = 3_600
DAY: Final = 86_400


class Kind(StrEnum):
    """What a value is, which decides how it is written."""

    TEXT = "text"
    COUNT = "count"
    NUMBER = "number"
    SECONDS = "seconds"
    SHARE = "share"
    DATE = "date"
    MONTH = "month"
    MOMENT = "moment"
    FLAG = "flag"

    @property
    def is_number(self) -> bool:
        """Whether its values are aligned to the right."""
        return self in {Kind.COUNT, Kind.NUMBER, Kind.SECONDS, Kind.SHARE}


def value_text(value: Any, kind: Kind) -> str:
    """A value as a person reads it; an en dash where there is none."""
    return NOTHING if value is None else _WRITERS[kind](value)


def duration_text(seconds: float) -> str:
    """Two units at most: "0.4 s", "4 min 32 s", "3 h 5 min", "2 d 4 h"."""
    if seconds < 9.95:
        return f"{seconds:.1f}{SPACE}s"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole}{SPACE}s"
    if whole < HOUR:
        return _pair(whole, MINUTE, "min", 1, "s")
    if whole < DAY:
        return _pair(round(whole / MINUTE) * MINUTE, HOUR, "h", MINUTE, "min")
    return _pair(round(whole / HOUR) * HOUR, DAY, "d", HOUR, "h")


def count_text(value: float) -> str:
    """A whole number with separators of thousands."""
    return f"{round(value):,}"


def share_text(share: float) -> str:
    """A share of 1 in per cent; never 0 or 100 unless it is exactly that."""
    percent = 100 * share
    if 0 < percent < 0.05:
        return f"under 0.1{SPACE}%"
    if 99.95 <= percent < 100:
        return f"over 99.9{SPACE}%"
    return f"{percent:.0f}{SPACE}%" if percent in {0, 100} else f"{percent:.1f}{SPACE}%"


def date_text(value: date) -> str:
    """A day, such as "21 Nov 2026"."""
    return f"{value.day}{SPACE}{value:%b}{SPACE}{value:%Y}"


def moment_text(value: datetime) -> str:
    """A naive UTC moment, such as "2026-11-22 02:10 UTC"."""
    return f"{value:%Y-%m-%d %H:%M}{SPACE}UTC"


def change_text(value: float | None, before: float | None, kind: Kind) -> str:
    """How a value changed: "12 % slower", "1.3 points higher", "8 % fewer"; empty where it can't be said."""
    if value is None or before is None:
        return ""
    if kind is Kind.SHARE:
        points = round(100 * (value - before), 1)
        return "no change" if points == 0 else f"{abs(points):.1f} points {'higher' if points > 0 else 'lower'}"
    if before == 0:
        return "no change" if value == 0 else ""
    percent = round(100 * (value - before) / before)
    if percent == 0:
        return "no change"
    more, less = _WORDS[kind]
    return f"{abs(percent):,}{SPACE}% {more if percent > 0 else less}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun: "1 day", "28 days"."""
    return f"{count:,}{SPACE}{one if count == 1 else many or one + 's'}"


def _pair(value: int, unit: int, name: str, part: int, part_name: str) -> str:
    if unit == MINUTE and value == HOUR:
        return f"1{SPACE}h"
    if unit == HOUR and value == DAY:
        return f"1{SPACE}d"
    rest = value % unit // part
    text = f"{value // unit:,}{SPACE}{name}"
    return f"{text}{SPACE}{rest}{SPACE}{part_name}" if rest else text


_WORDS: Final[Mapping[Kind, tuple[str, str]]] = {
    Kind.COUNT: ("more", "fewer"),
    Kind.NUMBER: ("more", "less"),
    Kind.SECONDS: ("slower", "faster"),
}
_WRITERS: Final[Mapping[Kind, Any]] = {
    Kind.TEXT: str,
    Kind.COUNT: count_text,
    Kind.NUMBER: lambda value: f"{value:,.1f}",
    Kind.SECONDS: duration_text,
    Kind.SHARE: share_text,
    Kind.DATE: date_text,
    Kind.MONTH: lambda value: f"{value:%b}{SPACE}{value:%Y}",
    Kind.MOMENT: moment_text,
    Kind.FLAG: lambda value: "yes" if value else "no",
}
