from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.privacy.retention.age import Age, read_age

NOW = datetime(2026, 3, 31, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("30d", datetime(2026, 3, 1, 10, 30, tzinfo=UTC)),
        ("1m", datetime(2026, 2, 28, 10, 30, tzinfo=UTC)),
        ("24m", datetime(2024, 3, 31, 10, 30, tzinfo=UTC)),
        ("25m", datetime(2024, 2, 29, 10, 30, tzinfo=UTC)),
        ("2y", datetime(2024, 3, 31, 10, 30, tzinfo=UTC)),
        (" 3m ", datetime(2025, 12, 31, 10, 30, tzinfo=UTC)),
    ],
)
def test_an_age_is_counted_in_days_or_calendar_months(text: str, before: datetime) -> None:
    """The same day so many months ago, or the last day of a shorter month."""
    assert read_age(text).before(NOW) == before


@pytest.mark.parametrize("text", ["", "24", "m", "-3m", "2.5y", "3w", "0d", "00m", "101y", "99999d", "1d2m", "٣d"])
def test_what_is_no_age_is_refused_with_the_grammar(text: str) -> None:
    """Nothing is guessed where data would be removed, and an age of nothing would remove everything."""
    with pytest.raises(UsageError, match=r"age"):
        read_age(text)


@given(count=st.integers(1, 1200), unit=st.sampled_from(["d", "m", "y"]), hours=st.integers(-12, 12))
def test_a_higher_age_lies_further_back_in_every_zone(count: int, unit: str, hours: int) -> None:
    """The order of ages is that of moments, and the zone of now changes nothing."""
    count = min(count, 100)
    one, more = read_age(f"{count}{unit}"), Age(count + 1, read_age(f"1{unit}").unit)
    here = NOW.astimezone(timezone(timedelta(hours=hours)))
    assert more.before(NOW) < one.before(NOW) == one.before(here) < NOW
