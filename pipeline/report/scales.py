"""Axes that a person can read: ticks of time at 30 s, 1 min or 1 h, never at 3,600."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.report.wording import DAY, HOUR, MINUTE, SPACE, count_text

MOST_TICKS: Final = 5
LOG_RATIO: Final = 30
_STEPS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, *(MINUTE * n for n in (1, 2, 5, 10, 15, 30)))
_LONG_STEPS: Final = (*(HOUR * n for n in (1, 2, 3, 6, 12)), *(DAY * n for n in (1, 2, 5, 7, 14, 30, 60, 90, 180, 365)))
_DECADES: Final = (0.1, 1, 10, MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY, 365 * DAY)


@dataclass(frozen=True, slots=True)
class Ticks:
    """Where an axis has ticks, from its lowest to its highest value, and what stands beside them."""

    values: tuple[float, ...]
    labels: tuple[str, ...]
    is_log: bool = False

    @property
    def domain(self) -> list[float]:
        """The ends of the axis."""
        return [self.values[0], self.values[-1]]

    @property
    def expression(self) -> str:
        """The labels as an expression of Vega over a tick's value."""
        by_value = {json.dumps(value): label for value, label in zip(self.values, self.labels, strict=True)}
        return f"{json.dumps(by_value, ensure_ascii=False)}[datum.value]"


def time_ticks(seconds: Iterable[float | None]) -> Ticks:
    """An axis for some times: linear from 0, or logarithmic where the highest is many times the lowest."""
    known = [value for value in seconds if value is not None]
    highest = max(known, default=0.0) or 1.0
    if highest > LOG_RATIO * max(min(known, default=highest), _DECADES[0]):
        return decade_ticks(known)
    steps = (*_STEPS, *_LONG_STEPS)
    most_years = 365 * DAY * math.ceil(highest / 365 / DAY / MOST_TICKS)
    step = next((step for step in steps if highest / step <= MOST_TICKS), most_years)
    values = tuple(_short(step * number) for number in range(math.ceil(highest / step) + 1))
    return Ticks(values, tuple("0" if value == 0 else _label(value) for value in values))


def decade_ticks(seconds: Iterable[float | None]) -> Ticks:
    """A logarithmic axis around some times, of at least two ticks.

    It begins at 1 s if there are minutes, else at 0.1 s; what is shorter stands at its end, which then says "up to".
    """
    known = [value for value in seconds if value is not None] or [1.0]
    floor = 1.0 if max(known) > MINUTE else _DECADES[0]
    lowest = max(min(known), floor)
    first = max(index for index, decade in enumerate(_DECADES[:-1]) if decade <= lowest)
    last = next((index for index, decade in enumerate(_DECADES) if decade >= max(known)), len(_DECADES) - 1)
    values = _DECADES[first : max(last, first + 1) + 1]
    labels = [_label(value) for value in values]
    if min(known) < values[0]:
        labels[0] = f"\N{LESS-THAN OR EQUAL TO}{SPACE}{labels[0]}"
    return Ticks(values, tuple(labels), is_log=True)


def count_ticks(counts: Iterable[float | None]) -> Ticks:
    """A linear axis from 0 over the highest of some counts; whole numbers only."""
    highest = max((value for value in counts if value is not None), default=0) or 1
    magnitude = 10 ** max(0, math.floor(math.log10(highest / MOST_TICKS))) if highest > MOST_TICKS else 1
    step = next(step for step in (magnitude * n for n in (1, 2, 5, 10)) if highest / step <= MOST_TICKS)
    values = tuple(float(step * number) for number in range(math.ceil(highest / step) + 1))
    return Ticks(tuple(map(_short, values)), tuple(map(count_text, values)))


def share_ticks(shares: Sequence[float | None], *, is_full: bool = False) -> Ticks:
    """A linear axis of per cent from 0 over the highest share, or up to 100 %."""
    highest = 1.0 if is_full else max((value for value in shares if value is not None), default=0.0)
    step = next((step for step in (0.01, 0.02, 0.05, 0.1, 0.2) if highest / step <= MOST_TICKS), 0.25)
    values = [_short(step * number) for number in range(max(1, math.ceil(round(highest / step, 6))) + 1)]
    return Ticks(tuple(values), tuple(f"{value * 100:.0f}{SPACE}%" for value in values))


def _short(value: float) -> float:
    """Without the dust of binary fractions, so that a label is found by its value."""
    rounded = round(value, 6)
    return int(rounded) if rounded == int(rounded) else rounded


def _label(seconds: float) -> str:
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= unit and seconds % unit in {0, unit / 2}:
            return f"{seconds / unit:,.10g}{SPACE}{name}"
    if seconds > MINUTE:
        return f"{seconds // MINUTE:.0f}{SPACE}min {seconds % MINUTE:.0f}{SPACE}s"
    return f"{seconds:.10g}{SPACE}s"
