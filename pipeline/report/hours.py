"""The full hours of local days: backlog is counted at full hours of UTC, and shown by days of the configured zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from pipeline.report.period import Period

HOUR: Final = timedelta(hours=1)


def step_hours(period: Period, *, zone: str, until: datetime) -> list[dict[str, Any]]:
    """First and last full hour of each step of a period, naive in UTC, up to a moment; steps without one are left out.

    Args:
        period: local days.
        zone: their IANA zone.
        until: naive UTC; later hours are not known yet.
    """
    found = []
    for bucket in period.buckets():
        first = _next_full_hour(max(bucket, period.first), zone)
        after = _next_full_hour(min(period.end_of(bucket), period.last + timedelta(days=1)), zone)
        last = min(after - HOUR, until.replace(minute=0, second=0, microsecond=0))
        if first <= last:
            found.append({"bucket": bucket, "first_hour": first, "last_hour": last})
    return found


def _next_full_hour(day: date, zone: str) -> datetime:
    """The first full hour of UTC that is not before a local day begins."""
    start = datetime.combine(day, time.min, ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None)
    full = start.replace(minute=0, second=0, microsecond=0)
    return full if full == start else full + HOUR
