"""Schedules laid out in UTC: clock changes, nights, holidays, overlaps, and business time that adds up."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.metrics_settings import BusinessSchedule
from pipeline.metrics_settings.local_time import utc_ms
from pipeline.warehouse.calendar import expand
from tests.unit.warehouse.business_time import V4, always, business_ms, calendar_of, ms, office

HOUR = 3_600_000
QUARTER = HOUR // 4
EASTER = calendar_of(office("2025-04-21"))
ZONES = ("Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")


@st.composite
def _intervals(draw: st.DrawFn) -> str:
    # Quarter-hours from 03:00 to 23:00: clocks are changed at night, where a clock time may come twice or never.
    start = draw(st.integers(12, 91))
    end = draw(st.integers(start + 1, 92) | st.integers(96 + 12, 96 + 92))
    return f"{start // 4:02}:{start % 4 * 15:02}-{end // 4:02}:{end % 4 * 15:02}"


@st.composite
def _schedules(draw: st.DrawFn) -> BusinessSchedule:
    days = [tuple(draw(st.lists(_intervals(), max_size=3))) for _ in range(7)]
    dates = st.dates(date(2025, 3, 20), date(2025, 4, 10))
    holidays = draw(st.lists(st.tuples(dates, st.none() | _intervals()), max_size=4))
    return BusinessSchedule(
        id="any",
        timezone=draw(st.sampled_from(ZONES)),
        monday=days[0],
        tuesday=days[1],
        wednesday=days[2],
        thursday=days[3],
        friday=days[4],
        saturday=days[5],
        sunday=days[6],
        holidays=tuple(f"{day} {part}" if part else f"{day}" for day, part in holidays),
    )


@pytest.mark.parametrize(("start", "end", "expected"), V4)
def test_office_hours_over_a_clock_change_and_easter(start: str, end: str, expected: int) -> None:
    """Weekends, the lost hour, a holiday and the closing minute are outside business time, to the millisecond."""
    assert business_ms(EASTER, ms(start), ms(end)) == expected


@pytest.mark.parametrize(
    ("day", "begin", "end", "hours"),
    [
        ("2025-03-29", "2025-03-29T21:00", "2025-03-30T04:00", 7),
        ("2025-10-25", "2025-10-25T20:00", "2025-10-26T05:00", 9),
        ("2025-06-14", "2025-06-14T20:00", "2025-06-15T04:00", 8),
    ],
)
def test_a_night_is_as_long_as_it_is(day: str, begin: str, end: str, hours: int) -> None:
    """A night shift from 22 to 6 loses an hour in March and gains one in October."""
    calendar = calendar_of(BusinessSchedule(id="night", timezone="Europe/Paris", saturday=("22:00-30:00",)))
    assert date.fromisoformat(day).weekday() == 5
    assert (ms(begin), ms(end)) in calendar.spans
    assert ms(end) - ms(begin) == hours * HOUR


def test_of_a_clock_time_that_comes_twice_the_first_counts() -> None:
    """At the end of summer time 02:30 is the first one; in spring, what is skipped is read on the winter's clock."""
    zone = ZoneInfo("Europe/Paris")
    assert utc_ms(date(2025, 10, 26), minute=150, zone=zone) == ms("2025-10-26T00:30")
    assert utc_ms(date(2025, 3, 30), minute=150, zone=zone) == ms("2025-03-30T01:30")
    sundays = calendar_of(BusinessSchedule(id="s", timezone="Europe/Paris", sunday=("02:30-04:00",)))
    assert (ms("2025-10-26T00:30"), ms("2025-10-26T03:00")) in sundays.spans
    assert (ms("2025-03-30T01:30"), ms("2025-03-30T02:00")) in sundays.spans


def test_an_interval_that_is_skipped_as_a_whole_is_no_time() -> None:
    """Hours, and holidays, that begin in the lost hour and end right after it change nothing."""
    schedule = BusinessSchedule(id="s", timezone="Europe/Paris", sunday=("02:15-03:00", "01:00-02:00"))
    day = (ms("2025-03-30T00:00"), ms("2025-03-30T12:00"))
    assert business_ms(calendar_of(schedule), *day) == HOUR
    calendar = calendar_of(always("2025-03-30 02:15-03:00"))
    assert calendar.spans == ((calendar.from_ms, calendar.to_ms),)


@pytest.mark.parametrize(
    ("holiday", "begin", "hours"),
    [
        ("2025-03-30", "2025-03-29T23:00", 23),
        ("2025-10-26", "2025-10-25T22:00", 25),
        ("2025-04-21", "2025-04-20T22:00", 24),
        ("2025-12-24 12:00-18:00", "2025-12-24T11:00", 6),
        ("2025-12-31 18:00-34:00", "2025-12-31T17:00", 16),
    ],
)
def test_a_holiday_is_not_a_second_short(holiday: str, begin: str, hours: int) -> None:
    """A holiday takes the whole local day, or exactly its part, and the hours around it stay."""
    calendar = calendar_of(always(holiday))
    start, end = ms(begin), ms(begin) + hours * HOUR
    assert calendar.spans == ((calendar.from_ms, start), (end, calendar.to_ms))


def test_a_holiday_ends_the_night_before_it_and_not_the_night_it_begins() -> None:
    """A holiday is a local day: of a night that reaches into it, and of one that leaves it, only its own hours go."""
    nights = BusinessSchedule(
        id="n", timezone="Europe/Paris", sunday=("22:00-30:00",), monday=("22:00-30:00",), holidays=("2025-04-21",)
    )
    spans = [span for span in calendar_of(nights).spans if ms("2025-04-20") < span[0] < ms("2025-04-23")]
    assert spans == [
        (ms("2025-04-20T20:00"), ms("2025-04-20T22:00")),
        (ms("2025-04-21T22:00"), ms("2025-04-22T04:00")),
    ]


def test_a_day_that_begins_at_one_in_the_morning_is_a_whole_day() -> None:
    """Where clocks are changed at midnight, days still follow each other without a gap."""
    calendar = calendar_of(always("2018-11-04", timezone="America/Sao_Paulo"), year=2018)
    assert [end for _, end in calendar.spans[:-1]] == [ms("2018-11-04T03:00")]
    assert calendar.spans[1][0] - calendar.spans[0][1] == 23 * HOUR


def test_a_day_that_never_was_has_no_hours() -> None:
    """Samoa had no 30th of December 2011, a Friday; its hours don't move to Saturday."""
    fridays = BusinessSchedule(id="f", timezone="Pacific/Apia", friday=("09:00-17:00",))
    calendar = calendar_of(fridays, year=2011)
    shown = [datetime.fromtimestamp(start / 1000, ZoneInfo("Pacific/Apia")) for start, _ in calendar.spans]
    assert all((each.weekday(), each.hour) == (4, 9) for each in shown)
    assert date(2011, 12, 23) in {each.date() for each in shown}


def test_overlapping_hours_count_once() -> None:
    """Windows that overlap, touch, repeat or reach into the next day are merged."""
    schedule = BusinessSchedule(
        id="s",
        timezone="Europe/Paris",
        monday=("09:00-12:00", "10:00-11:00", "12:00-15:00", "09:00-12:00", "22:00-32:00"),
        tuesday=("06:00-09:00",),
    )
    calendar = calendar_of(schedule)
    spans = [span for span in calendar.spans if ms("2025-06-02") <= span[0] < ms("2025-06-04")]
    assert spans == [(ms("2025-06-02T07:00"), ms("2025-06-02T13:00")), (ms("2025-06-02T20:00"), ms("2025-06-03T07:00"))]


def test_a_calendar_spans_whole_years_and_a_year_ahead() -> None:
    """Deadlines fit in, and later data of the same years leave a calendar as it is."""
    assert (EASTER.from_ms, EASTER.to_ms) == (ms("2024-12-31T23:00"), ms("2026-12-31T23:00"))
    schedule = office("2025-04-21")
    # By the clock of Paris, these are the first and the last moment of 2025.
    edges = expand(schedule, default_zone="UTC", first_ms=ms("2024-12-31T23:00"), last_ms=ms("2025-12-31T23:00") - 1)
    assert edges == EASTER
    assert expand(schedule, default_zone="UTC", first_ms=EASTER.from_ms - 1, last_ms=ms("2025-05-01")) != EASTER


def test_a_night_that_reaches_into_the_first_year_is_cut_there() -> None:
    """New Year's night counts from midnight on, where the calendar begins."""
    calendar = calendar_of(BusinessSchedule(id="n", timezone="Europe/Paris", tuesday=("22:00-30:00",)))
    assert calendar.spans[0] == (ms("2024-12-31T23:00"), ms("2025-01-01T05:00"))


def test_validity_does_not_cut_hours() -> None:
    """A question that arrives under a schedule is measured by it to the end, so its hours go on."""
    until_june = BusinessSchedule(id="s", monday=("09:00-12:00",), valid_from="2025-03-01", valid_to="2025-06-01")
    for_good = BusinessSchedule(id="s", monday=("09:00-12:00",))
    assert calendar_of(until_june) == calendar_of(for_good)


def test_a_schedule_without_a_zone_has_the_warehouses() -> None:
    """The clock is that of the default zone."""
    schedule = BusinessSchedule(id="s", monday=("09:00-12:00",))
    calendar = expand(schedule, default_zone="Asia/Tokyo", first_ms=ms("2025-02-01"), last_ms=ms("2025-02-01"))
    assert calendar.time_zone == "Asia/Tokyo"
    assert (ms("2025-02-03T00:00"), ms("2025-02-03T03:00")) in calendar.spans


@settings(max_examples=40)
@given(schedule=_schedules())
def test_a_calendar_is_what_a_clock_on_the_wall_says(schedule: BusinessSchedule) -> None:
    """Quarter by quarter, a calendar is open when somebody who looks at the clock would say so."""
    quarters = range(ms("2025-03-22"), ms("2025-04-08"), QUARTER)
    opened = {quarter for start, end in calendar_of(schedule).spans for quarter in range(start, end, QUARTER)}
    assert opened.intersection(quarters) == {quarter for quarter in quarters if _is_open(schedule, quarter)}


@settings(max_examples=60)
@given(
    schedule=_schedules(),
    moments=st.lists(st.integers(ms("2025-01-01"), ms("2026-12-31")), min_size=3, max_size=3).map(sorted),
)
def test_business_time_adds_up(schedule: BusinessSchedule, moments: list[int]) -> None:
    """Business time is additive, never negative, and never longer than the time that passed."""
    calendar = calendar_of(schedule)
    first, second, third = moments
    parts = [business_ms(calendar, first, second), business_ms(calendar, second, third)]
    assert business_ms(calendar, first, third) == sum(parts)
    assert 0 <= parts[0] <= second - first
    assert 0 <= parts[1] <= third - second


@settings(max_examples=60)
@given(schedule=_schedules())
def test_spans_are_apart_and_summed_up(schedule: BusinessSchedule) -> None:
    """Spans are sorted, none is empty, no two touch, and each knows the open time before it."""
    calendar = calendar_of(schedule)
    edges = [edge for span in calendar.spans for edge in span]
    assert all(before < after for before, after in pairwise([calendar.from_ms - 1, *edges, calendar.to_ms + 1]))
    passed = 0
    assert len(calendar.open_ms_before) == len(calendar.spans)
    for (start, end), before_it in zip(calendar.spans, calendar.open_ms_before, strict=True):
        assert before_it == passed
        passed += end - start


def _is_open(schedule: BusinessSchedule, moment: int) -> bool:
    clock = datetime.fromtimestamp(moment / 1000, UTC).astimezone(ZoneInfo(schedule.timezone or "UTC"))
    today, minute = clock.date(), clock.hour * 60 + clock.minute
    shown = [(today, minute), (today - timedelta(days=1), minute + 1440)]
    closures, week = schedule.closures, schedule.week
    closed = any(start <= now < end for day, now in shown for date_, (start, end) in closures if date_ == day)
    return not closed and any(start <= now < end for day, now in shown for start, end in week[day.weekday()])
