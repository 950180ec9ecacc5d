from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.scales import Ticks, count_ticks, decade_ticks, share_ticks, time_ticks

TIMES = st.lists(st.floats(min_value=0, max_value=1e10) | st.none(), max_size=20)


def labels(ticks: Ticks) -> list[str]:
    """The labels with plain spaces."""
    return [label.replace("\N{NO-BREAK SPACE}", " ") for label in ticks.labels]


@given(TIMES)
def test_every_time_lies_on_its_axis(times: list[float | None]) -> None:
    """An axis has two to a dozen ticks, ascending, each with a label of its own, and spans what it shows."""
    for ticks in (time_ticks(times), decade_ticks(times)):
        assert 2 <= len(ticks.values) <= 12
        assert list(ticks.values) == sorted(set(ticks.values))
        assert len(set(ticks.labels)) == len(ticks.labels)
        highest = max((time for time in times if time is not None), default=0)
        assert ticks.values[-1] >= highest or ticks.is_log


@given(TIMES)
def test_each_tick_finds_its_label(times: list[float | None]) -> None:
    """The expression of the labels holds each tick's value as JavaScript writes it."""
    for ticks in (time_ticks(times), count_ticks(times)):
        by_value = json.loads(ticks.expression.removesuffix("[datum.value]"))
        assert [by_value[json.dumps(value)] for value in ticks.values] == list(ticks.labels)


def test_times_have_ticks_at_round_times() -> None:
    """Ticks stand at 30 s, minutes, hours or days, never at 100 s or 5,000 s."""
    assert labels(time_ticks([40, 100])) == ["0", "30 s", "1 min", "1.5 min", "2 min"]
    assert labels(time_ticks([3000, 9000])) == ["0", "30 min", "1 h", "1.5 h", "2 h", "2.5 h"]
    assert labels(time_ticks([0.9 * 86400, 3 * 86400])) == ["0", "1 d", "2 d", "3 d"]


def test_times_that_differ_much_get_a_logarithmic_axis() -> None:
    """Seconds and days are both readable on one axis."""
    ticks = time_ticks([2.0, 100_000.0])
    assert ticks.is_log
    assert labels(ticks) == ["1 s", "10 s", "1 min", "10 min", "1 h", "6 h", "1 d", "7 d"]


def test_what_is_too_short_for_a_logarithmic_axis_stands_at_its_end() -> None:
    """A wait of 0 ms has no place on such an axis, so the lowest tick says that it stands for all below it."""
    assert labels(time_ticks([0.0, 4000.0])) == [
        "\N{LESS-THAN OR EQUAL TO} 1 s",
        "10 s",
        "1 min",
        "10 min",
        "1 h",
        "6 h",
    ]
    assert labels(decade_ticks([0.0, 4.0])) == ["\N{LESS-THAN OR EQUAL TO} 0.1 s", "1 s", "10 s"]


def test_counts_and_shares_have_whole_ticks() -> None:
    """Counts have no fractions, shares end at 100 % at most."""
    assert labels(count_ticks([3])) == ["0", "1", "2", "3"]
    assert labels(count_ticks([4321])) == ["0", "1,000", "2,000", "3,000", "4,000", "5,000"]
    assert labels(share_ticks([0.031, None])) == ["0 %", "1 %", "2 %", "3 %", "4 %"]
    assert labels(share_ticks([1.0])) == ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]
    assert labels(share_ticks([])) == ["0 %", "1 %"]
