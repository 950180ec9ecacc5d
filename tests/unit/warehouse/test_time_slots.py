"""Quarter-hours and what local clocks and calendars show in them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.warehouse.time_slots import SLOT_MS, time_slots

DAY_MS = 86_400_000
FIRST, LAST = 631_152_000_000, 2_208_988_800_000 - 1  # 1990 to 2039
# Links to a file of the machine rather than names of zones.
ZONES = sorted(available_timezones() - {"localtime", "posixrules", "Factory"})
# Zones whose clocks were changed at one minute past midnight, and the last year of it.
ONE_MINUTE_LATE = {
    "America/St_Johns": 2011,
    "Canada/Newfoundland": 2011,
    "America/Goose_Bay": 2011,
    "America/Moncton": 2006,
    "Asia/Gaza": 2011,
    "Asia/Hebron": 2011,
    "Antarctica/Casey": 2022,
}


def _rows(zone: str, first_ms: int, last_ms: int) -> list[tuple[int, date, int, int]]:
    return [tuple(row.values()) for row in time_slots(zone, first_ms=first_ms, last_ms=last_ms).to_pylist()]


def _shown(zone: str, moment_ms: int) -> tuple[date, int, int]:
    clock = datetime.fromtimestamp(moment_ms / 1000, ZoneInfo(zone))
    return clock.date(), clock.hour, clock.isoweekday()


def test_a_slot_is_a_quarter_of_an_hour() -> None:
    """There is one row per quarter-hour, from that of the first moment to that of the last."""
    assert _rows("UTC", 0, 0) == [(0, date(1970, 1, 1), 0, 4)]
    assert _rows("UTC", 899_999, 900_000) == [(0, date(1970, 1, 1), 0, 4), (1, date(1970, 1, 1), 0, 4)]
    assert _rows("UTC", -1, 0) == [(-1, date(1969, 12, 31), 23, 3), (0, date(1970, 1, 1), 0, 4)]
    assert _rows("UTC", SLOT_MS, 0) == []


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Paris", date(2025, 3, 30), 23),
        ("Europe/Paris", date(2025, 10, 26), 25),
        ("Europe/Paris", date(2025, 6, 1), 24),
        ("America/New_York", date(2025, 3, 9), 23),
        ("Australia/Lord_Howe", date(2025, 4, 6), 24.5),
        ("Pacific/Apia", date(2011, 12, 30), 0),
    ],
)
def test_a_local_day_is_as_long_as_it_is(zone: str, day: date, hours: float) -> None:
    """A day of a clock change has its slots, from its own midnight to the next, and no others."""
    middle = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000
    slots = [slot for slot, shown, _, _ in _rows(zone, middle - 2 * DAY_MS, middle + 2 * DAY_MS) if shown == day]
    assert len(slots) == hours * 4
    assert all(after - before == 1 for before, after in pairwise(slots))


def test_an_offset_of_a_quarter_is_met() -> None:
    """In Kathmandu midnight is at 18:15 UTC."""
    evening = int(datetime(2025, 6, 1, 18, tzinfo=UTC).timestamp()) * 1000
    assert [(shown.day, hour) for _, shown, hour, _ in _rows("Asia/Kathmandu", evening, evening + SLOT_MS)] == [
        (1, 23),
        (2, 0),
    ]


@settings(max_examples=60)
@given(zone=st.sampled_from(ZONES), start=st.integers(FIRST, LAST), data=st.data())
def test_slots_show_what_clocks_show(zone: str, start: int, data: st.DataObject) -> None:
    """At any moment of two months, date, hour and weekday are those of the zone."""
    end = start + 60 * DAY_MS
    rows = {slot: shown for slot, *shown in _rows(zone, start, end)}
    assert list(rows) == list(range(start // SLOT_MS, end // SLOT_MS + 1))
    for moment in data.draw(st.lists(st.integers(start, end), min_size=20, max_size=20)):
        if moment % SLOT_MS >= 60_000:  # but for the zones whose clocks were changed a minute late
            assert tuple(rows[moment // SLOT_MS]) == _shown(zone, moment)


def test_slots_fit_every_zone() -> None:
    """In every zone, some moment of each year finds what the clock shows."""
    for number, zone in enumerate(ZONES):
        for year in range(50):
            moment = FIRST + year * 365 * DAY_MS + (number * 7_919 + year * 104_729) % 365 * DAY_MS + 60_000
            ((_, *shown),) = _rows(zone, moment, moment)
            assert tuple(shown) == _shown(zone, moment), zone


def test_clocks_are_changed_between_slots() -> None:
    """In every zone, a slot lies on one side of each clock change, but for the few that came one minute late."""
    for zone in ZONES:
        for change in _changes(zone):
            year = datetime.fromtimestamp(change, UTC).year
            assert change % 900 in ({0, 60} if year <= ONE_MINUTE_LATE.get(zone, 0) else {0}), zone
            slot = change // 900
            (_, *before), (_, *after) = _rows(zone, (slot - 1) * SLOT_MS, slot * SLOT_MS)
            assert tuple(before) == _shown(zone, slot * SLOT_MS - 1), zone
            assert tuple(after) == _shown(zone, change * 1000), zone


def _changes(zone: str) -> list[int]:
    """Seconds since 1970 at which the zone's offset changes, found by bisection between two moments of a week."""
    clock = ZoneInfo(zone)

    def offset(second: int) -> object:
        return datetime.fromtimestamp(second, clock).utcoffset()

    changes = []
    week = 7 * DAY_MS // 1000
    for low, high in pairwise(range(FIRST // 1000, LAST // 1000, week)):
        if offset(low) == offset(high):
            continue
        since, until = low, high
        while until - since > 1:
            middle = (since + until) // 2
            since, until = (middle, until) if offset(middle) == offset(low) else (since, middle)
        changes.append(until)
    return changes
