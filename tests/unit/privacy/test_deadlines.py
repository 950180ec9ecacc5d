"""By when a request must be answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipeline.privacy.requests.deadlines import Deadline, months_after

MOMENTS = st.datetimes(datetime(2018, 6, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


@given(MOMENTS, st.integers(0, 36))
def test_the_same_day_or_the_last_of_a_shorter_month(moment: datetime, months: int) -> None:
    """The month is the right one, the day the same unless the month ends before it."""
    later = months_after(moment, months)
    assert (later.year * 12 + later.month) - (moment.year * 12 + moment.month) == months
    assert later.timetz() == moment.timetz()
    assert later.day == moment.day or (later.day < moment.day and (later + timedelta(days=1)).day == 1)


@given(MOMENTS, MOMENTS)
def test_an_extension_gives_two_months_more_and_urgency_only_rises(received: datetime, now: datetime) -> None:
    """An extended deadline is later by two months, and never more urgent than the plain one."""
    plain, extended = Deadline(received), Deadline(received, extended=True)
    assert extended.due_at == months_after(received, 3)
    order = ["in_time", "due_soon", "overdue"]
    assert order.index(extended.urgency(now)) <= order.index(plain.urgency(now))


def test_the_end_of_january_and_the_warning() -> None:
    """January 31 leads to the last of February; the warning begins seven days ahead, to the second."""
    deadline = Deadline(datetime(2026, 1, 31, 12, tzinfo=UTC))
    assert deadline.due_at == datetime(2026, 2, 28, 12, tzinfo=UTC)
    assert deadline.urgency(datetime(2026, 2, 21, 11, 59, 59, tzinfo=UTC)) == "in_time"
    assert deadline.urgency(datetime(2026, 2, 21, 12, tzinfo=UTC)) == "due_soon"
    assert deadline.urgency(datetime(2026, 2, 28, 12, 0, 1, tzinfo=UTC)) == "overdue"
    assert not deadline.may_extend(datetime(2026, 3, 1, tzinfo=UTC))
