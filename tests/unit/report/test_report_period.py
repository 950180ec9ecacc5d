from __future__ import annotations

from datetime import date, datetime, timedelta

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.report.hours import step_hours
from pipeline.report.period import Grain, Period

DAYS = st.dates(date(2015, 1, 1), date(2030, 1, 1))


@given(DAYS, st.integers(0, 1500))
def test_steps_cover_each_day_of_a_period_once(first: date, more: int) -> None:
    """The days of all steps add up to the period, and the period before has as many and ends the day before."""
    period = Period(first, first + timedelta(days=more))
    assert sum(period.bucket_days(bucket) for bucket in period.buckets()) == period.days
    assert period.before.days == period.days
    assert period.before.last + timedelta(days=1) == period.first


@settings(max_examples=30)
@given(DAYS, st.integers(0, 1500))
def test_steps_begin_where_date_trunc_says(first: date, more: int) -> None:
    """The first days of steps are those that SQL groups by."""
    period = Period(first, first + timedelta(days=more))
    sql = "select distinct date_trunc($grain, $first + n::integer)::date from range($days) as r (n) order by all"
    with duckdb.connect() as connection:
        values = {"grain": str(period.grain), "first": period.first, "days": period.days}
        assert [day for (day,) in connection.execute(sql, values).fetchall()] == period.buckets()


@pytest.mark.parametrize(("days", "grain"), [(1, Grain.DAY), (62, Grain.DAY), (63, Grain.WEEK), (800, Grain.MONTH)])
def test_the_step_fits_the_range(days: int, grain: Grain) -> None:
    """Two months are shown by day, a year by week, more by month."""
    assert Period(date(2026, 1, 1), date(2026, 1, 1) + timedelta(days=days - 1)).grain is grain


def test_a_period_is_written_with_both_its_ends() -> None:
    """The year stands once if it is the same."""
    texts = [
        Period(date(2026, 10, 25), date(2026, 11, 21)).text,
        Period(date(2025, 12, 1), date(2026, 1, 2)).text,
        Period(date(2026, 1, 2), date(2026, 1, 2)).text,
    ]
    assert [text.replace("\N{NO-BREAK SPACE}", " ") for text in texts] == [
        "25 Oct to 21 Nov 2026",
        "1 Dec 2025 to 2 Jan 2026",
        "2 Jan 2026",
    ]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Paris", date(2026, 3, 29), 23),
        ("Europe/Paris", date(2026, 10, 25), 25),
        ("Asia/Kolkata", date(2026, 3, 29), 24),
        ("Asia/Beirut", date(2026, 3, 29), 23),
        ("UTC", date(2026, 3, 29), 24),
    ],
)
def test_a_local_day_has_the_full_hours_of_utc_within_it(zone: str, day: date, hours: int) -> None:
    """Days on which clocks change have 23 or 25, also where the change is at midnight."""
    (step,) = step_hours(Period(day, day), zone=zone, until=datetime(2030, 1, 1))  # noqa: DTZ001 - naive UTC
    assert (step["last_hour"] - step["first_hour"]) / timedelta(hours=1) + 1 == hours


def test_hours_that_the_export_has_not_reached_are_left_out() -> None:
    """The last step ends with the last full hour that is known, and days beyond it have none."""
    period = Period(date(2026, 5, 1), date(2026, 5, 3))
    steps = step_hours(period, zone="UTC", until=datetime(2026, 5, 2, 7, 59))  # noqa: DTZ001 - naive UTC
    assert [step["bucket"].day for step in steps] == [1, 2]
    assert steps[-1]["last_hour"].hour == 7
