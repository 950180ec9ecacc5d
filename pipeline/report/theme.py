"""Colours and type of the charts. Colours are variables of the page's style, which knows light, dark and print."""

from __future__ import annotations

from typing import Any, Final

FONT: Final = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
HUMAN: Final = "var(--human)"
BOT: Final = "var(--bot)"
USER: Final = "var(--user)"
OTHER: Final = "var(--other)"
SERIES: Final = tuple(f"var(--series-{number})" for number in range(1, 7))
STEPS: Final = tuple(f"var(--step-{number})" for number in range(7))
ON_STEP: Final = "var(--on-step)"
INK: Final = "var(--ink)"
SOFT_INK: Final = "var(--soft-ink)"
LINE: Final = "var(--line)"
SURFACE: Final = "var(--surface)"

CONFIG: Final[dict[str, Any]] = {
    "aria": False,  # one sentence stands for a chart; the table behind it is what can be read
    "autosize": {"type": "fit-x", "contains": "padding"},
    "background": "transparent",
    "font": FONT,
    "padding": {"left": 0, "right": 12, "top": 4, "bottom": 0},
    "view": {"stroke": None},
    "axis": {
        "domain": False,
        "grid": False,
        "labelColor": SOFT_INK,
        "labelFontSize": 12,
        "labelLimit": 180,
        "labelPadding": 6,
        "ticks": False,
        "title": None,
        "titleColor": SOFT_INK,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    },
    "axisX": {"labelFlush": False, "labelOverlap": "greedy", "labelSeparation": 8},
    "legend": {
        "columnPadding": 12,
        "labelColor": INK,
        "labelFontSize": 12,
        "labelLimit": 150,
        "offset": 10,
        "orient": "top",
        "symbolSize": 90,
        "symbolStrokeWidth": 2,
        "title": None,
    },
    "mark": {"aria": False},
    "line": {"strokeWidth": 2, "strokeCap": "round", "strokeJoin": "round", "interpolate": "linear"},
    "text": {"color": INK, "fontSize": 12},
}
