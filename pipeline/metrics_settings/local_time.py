"""Local clock times as UTC moments: the one place that decides what an ambiguous or skipped clock time means."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def known_zone(name: str) -> ZoneInfo:
    """The IANA time zone of this name.

    Raises:
        ValueError: there is none; the message shows what a name looks like.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of zones, such as Europe
        raise ValueError(f"{name!r} is no IANA time zone such as Europe/Paris or UTC") from None


def utc_ms(day: date, *, minute: int = 0, zone: ZoneInfo) -> int:
    """The moment, in ms since 1970 UTC, at which clocks of the zone show a minute of a day.

    Args:
        day: the local date.
        minute: minutes that the clock shows since the day's 00:00; from 1440 on it is a clock of the days after.
        zone: where the clock hangs.

    Returns:
        Of a time that comes twice, the first; a time that is skipped is read on the clock as it was before the jump
        (`fold=0`).
    """
    clock = datetime.combine(day, time()) + timedelta(minutes=minute)
    return (clock.replace(tzinfo=zone) - EPOCH) // MILLISECOND
