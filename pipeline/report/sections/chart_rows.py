"""Rows of the charts that several sections draw."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from pipeline.report.wording import Kind, date_text, value_text


def bar_row(
    label: str,
    value: float,
    *,
    text: str | None,
    series: str | None = None,
    order: int = 0,
    total: float | None = None,
    tips: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """One bar of `charts.bars`, or one part of it.

    Args:
        label: the bar's name.
        value: its length.
        text: what stands behind the bar; None behind all parts but one.
        series: the part's name; by default the label.
        order: the part's place.
        total: the length of the whole bar; by default the value.
        tips: what a tooltip says beside label and text.
    """
    shown = {f"tip {name}": words for name, words in (tips or {"Number": text or ""}).items()}
    return {
        "label": label,
        "series": label if series is None else series,
        "order": order,
        "value": value,
        "total": value if total is None else total,
        "text": text,
        "tip What": label,
    } | shown


def line_row(
    bucket: date, series: str, value: float | None, *, kind: Kind, tips: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """One point of `charts.lines`.

    Args:
        bucket: the first day of the step.
        series: the line's name.
        value: the height; None breaks the line.
        kind: how the value is written.
        tips: what a tooltip says beside date, series and value.
    """
    row = {"bucket": bucket, "series": series, "value": value}
    row |= {"tip From": date_text(bucket), "tip What": series, "tip Value": value_text(value, kind)}
    return row | {f"tip {name}": words for name, words in (tips or {}).items()}
