"""Local dates, hours and weekdays of quarter-hours, so that SQL finds them by a join instead of a time zone function.

Every offset in use since 1990 is a multiple of a quarter of an hour. A few clocks were changed at one minute past the
mark (Newfoundland and Labrador until 2011, Moncton until 2006, Gaza and Hebron in 2010 and 2011, Casey Station from
2020 to 2022): there, that minute is shown by the new time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.metrics_settings.local_time import known_zone

SLOT_SECONDS = 900
SLOT_MS = SLOT_SECONDS * 1000
# No clock has been changed twice within two days since 1990.
DAY_SLOTS = 96

SCHEMA = pa.schema(
    [
        pa.field("slot", pa.int64(), nullable=False),
        pa.field("local_date", pa.date32(), nullable=False),
        pa.field("local_hour", pa.int8(), nullable=False),
        pa.field("local_weekday", pa.int8(), nullable=False),
    ]
)


def time_slots(time_zone: str, *, first_ms: int, last_ms: int) -> pa.Table:
    """A row for each quarter-hour of UTC between two moments: what the zone's calendar and clock show.

    Args:
        time_zone: IANA name.
        first_ms: a moment in the first slot, in ms since 1970 UTC.
        last_ms: a moment in the last slot.

    Returns:
        `slot` (ms since 1970 divided by 900,000 and floored), `local_date`, `local_hour`, `local_weekday` (1 = Monday).
    """
    zone = known_zone(time_zone)
    first, end = first_ms // SLOT_MS, last_ms // SLOT_MS + 1
    shown = [
        pa.array(range(since * SLOT_SECONDS + offset, until * SLOT_SECONDS + offset, SLOT_SECONDS), pa.int64())
        for since, until, offset in _periods(zone, first, end)
    ]
    clock = pa.chunked_array(shown, pa.int64()).cast(pa.timestamp("s"))
    columns = [
        pa.array(range(first, end), pa.int64()),
        clock.cast(pa.date32()),
        pc.hour(clock).cast(pa.int8()),
        pc.day_of_week(clock, count_from_zero=False).cast(pa.int8()),
    ]
    return pa.table(columns, schema=SCHEMA)


def _periods(zone: ZoneInfo, first: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Slots from and until (exclusive) between which clocks are set alike, with their offset in seconds."""
    since = first
    for slot, following in pairwise([*range(first, end, DAY_SLOTS), end]):
        old, new = _offset(zone, slot), _offset(zone, following)
        if old != new:
            change = slot + bisect_left([_offset(zone, each) != old for each in range(slot, following)], x=True)
            yield since, change, old
            since = change
    if since < end:
        yield since, end, _offset(zone, since)


def _offset(zone: ZoneInfo, slot: int) -> int:
    # At the slot's last second: so a change at one minute past the mark counts from the mark.
    offset = datetime.fromtimestamp((slot + 1) * SLOT_SECONDS - 1, zone).utcoffset()
    assert offset is not None
    return round(offset.total_seconds())
