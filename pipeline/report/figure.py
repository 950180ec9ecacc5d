"""What a report is made of: sections of figures, each a chart with its definition, its n and the table behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.report.table import Table


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing.

    Attributes:
        spec: a Vega-Lite specification without its theme.
        description: the sentence that stands for it where it can't be seen.
        note: how to read it, where that does not go without saying.
    """

    spec: Mapping[str, Any]
    description: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """One answer.

    Attributes:
        table: all numbers; its name is the figure's, its title the heading.
        definition: what is counted, from which event to which, who is left out.
        facts: n, open share and the like, each a few words.
        chart: None where the table speaks for itself.
        empty: why there is nothing, and what to do; shown instead of chart and table.
        is_wide: whether it needs the page's whole width.
    """

    table: Table
    definition: str
    facts: tuple[str, ...] = ()
    chart: Chart | None = None
    empty: str | None = None
    is_wide: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """Figures under one heading; `key` is its anchor."""

    key: str
    title: str
    intro: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """A number of the period at the top of the page.

    Attributes:
        label: what it is.
        value: the number as text.
        change: against the period before, in words; empty where there is nothing to compare with.
        verdict: "better", "worse" or "" where neither can be said.
        before: the number before, as text.
        details: what must stand beside it, such as n and open share.
    """

    label: str
    value: str
    change: str
    verdict: str
    before: str
    details: tuple[str, ...]
