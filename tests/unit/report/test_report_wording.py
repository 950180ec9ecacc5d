from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.wording import Kind, change_text, duration_text, share_text, value_text


def plain(text: str) -> str:
    """The text with plain spaces."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0.0 s"),
        (0.444, "0.4 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (272, "4 min 32 s"),
        (3599.6, "1 h"),
        (3600, "1 h"),
        (11_100, "3 h 5 min"),
        (86_390, "1 d"),
        (187_200, "2 d 4 h"),
        (2_591_999, "30 d"),
    ],
)
def test_durations_are_written_in_two_units_at_most(seconds: float, expected: str) -> None:
    """A time is written as a person says it, and rounding never gives 60 s, 60 min or 24 h."""
    assert plain(duration_text(seconds)) == expected


@given(st.floats(min_value=0, max_value=1e9))
def test_a_duration_never_shows_a_full_unit_of_the_next(seconds: float) -> None:
    """No time is written with 60 s, 60 min or 24 h in it."""
    words = plain(duration_text(seconds)).split()
    pairs = dict(zip(words[1::2], words[::2], strict=True))
    assert "60" not in {pairs.get("s"), pairs.get("min")}
    assert pairs.get("h") != "24"


def test_shares_are_0_or_100_per_cent_only_if_exactly_so() -> None:
    """A rare case is not rounded away, and neither is a rare exception."""
    assert [plain(share_text(share)) for share in (0, 1, 0.0001, 0.99999, 0.1234)] == [
        "0 %",
        "100 %",
        "under 0.1 %",
        "over 99.9 %",
        "12.3 %",
    ]


@pytest.mark.parametrize(
    ("value", "before", "kind", "expected"),
    [
        (112, 100, Kind.COUNT, "12 % more"),
        (88, 100, Kind.COUNT, "12 % fewer"),
        (120.0, 60.0, Kind.SECONDS, "100 % slower"),
        (30.0, 60.0, Kind.SECONDS, "50 % faster"),
        (0.5, 0.487, Kind.SHARE, "1.3 points higher"),
        (0.487, 0.5, Kind.SHARE, "1.3 points lower"),
        (0.5, 0.5001, Kind.SHARE, "no change"),
        (100, 100, Kind.COUNT, "no change"),
        (5, 0, Kind.COUNT, ""),
        (5, None, Kind.COUNT, ""),
        (None, 5, Kind.SECONDS, ""),
    ],
)
def test_a_change_is_said_in_plain_words(value: float | None, before: float | None, kind: Kind, expected: str) -> None:
    """Times get slower or faster, counts more or fewer, shares some points higher or lower; else nothing is said."""
    assert plain(change_text(value, before, kind)) == expected


def test_values_are_written_by_their_kind() -> None:
    """Days, months, moments and missing values have one way to be written."""
    written = [
        value_text(date(2026, 3, 1), Kind.DATE),
        value_text(date(2026, 3, 1), Kind.MONTH),
        value_text(datetime(2026, 3, 1, 2, 5), Kind.MOMENT),  # noqa: DTZ001 - the warehouse's moments are naive UTC
        value_text(None, Kind.COUNT),
        value_text(1234567, Kind.COUNT),
    ]
    assert [plain(text) for text in written] == [
        "1 Mar 2026",
        "Mar 2026",
        "2026-03-01 02:05 UTC",
        "\N{EN DASH}",
        "1,234,567",
    ]
