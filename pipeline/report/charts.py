"""The kinds of chart that the report draws, as Vega-Lite specifications made by Altair.

Rows bring their own texts for tooltips; a field that begins with "tip" is shown under the words behind it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import altair as alt

from pipeline.report.period import Grain, Period
from pipeline.report.scales import Ticks
from pipeline.report.theme import INK, LINE, ON_STEP, STEPS, SURFACE

HEIGHT: Final = 210
ROW_HEIGHT: Final = 26
BAR_HEIGHT: Final = 32
FEW_POINTS: Final = 32
YEARLY_DAYS: Final = 200
MOST_MONTH_LABELS: Final = 6
LETTERED_WIDTH: Final = 560
TEXT_WIDTH: Final = 130
LETTER_WIDTH: Final = 7
SYMBOL_WIDTH: Final = 36
LEGEND_LABEL_WIDTH: Final = 160

Rows = Sequence[Mapping[str, Any]]
Spec = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Series:
    """A name in the legend, its colour, and whether its line is dashed."""

    name: str
    color: str
    is_dashed: bool = False


def lines(rows: Rows, period: Period, *, series: Sequence[Series], ticks: Ticks) -> Spec:
    """Lines over the steps of a period, broken where a series has no value. Rows: bucket, series, value, tips."""
    there = {(row["bucket"], row["series"]) for row in rows}
    gaps = [
        {"bucket": bucket, "series": each.name, "value": None}
        for each in series
        for bucket in period.buckets()
        if (bucket, each.name) not in there
    ]
    symbol = _legend(series, symbolType="stroke", symbolSize=360)
    base = alt.Chart(_data([*rows, *gaps])).encode(
        x=_time(period, is_whole=True),
        y=alt.Y("value:Q", **_scaled(ticks)),
        color=_color(series).legend(symbol),
        tooltip=_tooltip(rows),
    )
    line = base.mark_line(invalid="break-paths-show-path-domains").encode(strokeDash=_dash(series).legend(symbol))
    size = 30 if len(period.buckets()) <= FEW_POINTS else 12
    points = base.mark_point(filled=True, opacity=1, size=size).transform_filter("isValid(datum.value)")
    return _spec(alt.layer(line, points), height=HEIGHT)


def stacks(rows: Rows, period: Period, *, series: Sequence[Series], ticks: Ticks) -> Spec:
    """Stacked bars over the steps of a period. Rows: bucket, end, series, low, high, tips."""
    chart = alt.Chart(_data(rows)).encode(
        x=_time(period),
        x2="end:T",
        y=alt.Y("low:Q", **_scaled(ticks)),
        y2="high:Q",
        color=_color(series),
        tooltip=_tooltip(rows),
    )
    return _spec(chart.mark_rect(stroke=SURFACE, strokeWidth=1), height=HEIGHT)


def ranges(rows: Rows, *, series: Sequence[Series], ticks: Ticks) -> Spec:
    """From median (dot) to 90th percentile (tick) on a logarithmic axis. Rows: label, series, p50, p90, tips."""
    names = [each.name for each in series]
    base = alt.Chart(_data(rows)).encode(
        y=_names("label", rows, padding=0.25),
        yOffset=alt.YOffset("series:N", sort=names, scale=alt.Scale(domain=names)),
        color=_color(series).legend(_legend(series, symbolType="circle", symbolOpacity=1)),
        tooltip=_tooltip(rows),
    )
    p50 = alt.X("p50:Q", **_scaled(ticks))
    p90 = alt.X("p90:Q", **_scaled(ticks))
    chart = alt.layer(
        base.mark_rule(strokeWidth=3, opacity=0.35).encode(x=p50, x2="p90:Q"),
        base.mark_tick(orient="vertical", size=12, thickness=2.5, opacity=1).encode(x=p90),
        base.mark_point(filled=True, size=80, opacity=1).encode(x=p50),
    )
    count = len({row["label"] for row in rows})
    return _spec(chart, height=max(2, count * len(series)) * ROW_HEIGHT)


def bars(rows: Rows, *, series: Sequence[Series], most: float) -> Spec:
    """Horizontal bars, each with its value behind it instead of an axis.

    Args:
        rows: label, series, order, value, total, text, tips; all but one part of a stack have None as text.
        series: the colours.
        most: what a bar of full length would be.
    """
    given = _data(rows)
    y = _names("label", rows, padding=0.3)
    room: list[Any] = [0, alt.expr(f"max(20, width - {TEXT_WIDTH})")]
    scaled: dict[str, Any] = {"scale": alt.Scale(domain=[0, most], range=room, nice=False), "axis": None}
    color = _color(series, has_legend={each.name for each in series} != {row["label"] for row in rows})
    shown = alt.Chart(given).encode(
        y=y, x=alt.X("value:Q", stack="zero", **scaled), color=color, order=alt.Order("order:Q"), tooltip=_tooltip(rows)
    )
    texts = alt.Chart(given).encode(y=y, x=alt.X("total:Q", **scaled), text="text:N")
    chart = alt.layer(
        shown.mark_bar(stroke=SURFACE, strokeWidth=1),
        texts.mark_text(align="left", dx=6, color=INK, fontSize=12).transform_filter("datum.text !== null"),
    )
    return _spec(chart, height=len({row["label"] for row in rows}) * BAR_HEIGHT)


def heat(rows: Rows, *, columns: Sequence[str], lines: Sequence[str]) -> Spec:
    """Cells in seven steps of one colour, each with its value. Rows: column, line, step (0 to 6), text, tips."""
    steps = alt.Scale(domain=list(range(len(STEPS))), range=list(STEPS))
    base = alt.Chart(_data(rows)).encode(
        x=alt.X("column:N", sort=list(columns), axis=alt.Axis(labelAngle=0, orient="top"), scale=_cells(columns)),
        y=alt.Y("line:N", sort=list(lines), axis=alt.Axis(), scale=_cells(lines)),
        tooltip=_tooltip(rows),
    )
    cells = base.mark_rect(cornerRadius=2).encode(color=alt.Color("step:O", scale=steps, legend=None))
    letters = base.mark_text(fontSize=11, opacity=alt.expr(f"width > {LETTERED_WIDTH} ? 1 : 0")).encode(
        text="text:N",
        color=alt.condition("datum.step >= 4", alt.value(ON_STEP), alt.value(INK)),
    )
    return _spec(alt.layer(cells, letters), height=len(lines) * ROW_HEIGHT)


def _data(rows: Rows) -> alt.InlineData:
    return alt.InlineData(values=[{name: _plain(value) for name, value in row.items()} for row in rows])


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    return value.isoformat() if isinstance(value, date) else value


def _spec(chart: alt.Chart | alt.LayerChart | alt.FacetChart, *, height: int) -> Spec:
    # Validation against the schema takes as long as all else; the tests do it for every kind of chart.
    spec: dict[str, Any] = chart.properties(width="container", height=height).to_dict(validate=False)
    for unused in ("$schema", "config"):
        spec.pop(unused, None)
    return spec


def _time(period: Period, *, is_whole: bool = False) -> alt.X:
    """The days of a period.

    Args:
        period: the period.
        is_whole: whether the axis spans all of it, and not just what the rows reach.
    """
    buckets = period.buckets()
    if period.days > YEARLY_DAYS or period.grain is Grain.MONTH:
        count: Any = {"interval": "month", "step": math.ceil(period.days / MOST_MONTH_LABELS / 30)}
        axis = alt.Axis(format="%b %Y", tickCount=count)
    else:
        axis = alt.Axis(format="%-d %b", tickCount=min(8, len(buckets)))
    # The days are local already; in UTC no viewer's own zone moves them.
    last = buckets[-1] if len(buckets) > 1 else period.end_of(buckets[0])
    domain = [_day(buckets[0]), _day(last)] if is_whole else alt.Undefined
    return alt.X("bucket:T", scale=alt.Scale(type="utc", domain=domain, nice=False), axis=axis)


def _day(day: date) -> alt.DateTime:
    return alt.DateTime(year=day.year, month=day.month, date=day.day, utc=True)


def _scaled(ticks: Ticks) -> dict[str, Any]:
    axis = alt.Axis(
        values=list(ticks.values), labelExpr=ticks.expression, grid=True, gridColor=LINE, labelOverlap=False
    )
    return {
        "axis": axis,
        "scale": alt.Scale(domain=ticks.domain, type="log" if ticks.is_log else "linear", nice=False, clamp=True),
    }


def _names(field: str, rows: Rows, *, padding: float) -> alt.Y:
    """Names down the side, in the order of the rows."""
    order = list(dict.fromkeys(row[field] for row in rows))
    return alt.Y(f"{field}:N", sort=order, axis=alt.Axis(labelLimit=180), scale=alt.Scale(paddingInner=padding))


def _cells(names: Sequence[str]) -> alt.Scale:
    return alt.Scale(domain=list(names), paddingInner=0.06, paddingOuter=0)


def _color(series: Sequence[Series], *, has_legend: bool = True) -> alt.Color:
    scale = alt.Scale(domain=[each.name for each in series], range=[each.color for each in series])
    return alt.Color("series:N", scale=scale, legend=_legend(series) if has_legend else None)


def _legend(series: Sequence[Series], **look: Any) -> alt.Legend | None:
    """A legend in one line where it fits, else in columns; none for a single series."""
    if len(series) < 2:
        return None
    widths = [min(LEGEND_LABEL_WIDTH, LETTER_WIDTH * len(each.name)) + SYMBOL_WIDTH for each in series]
    in_columns = f"max(1, floor(width / {max(widths)}))"
    return alt.Legend(columns=alt.expr(f"width > {sum(widths)} ? {len(series)} : {in_columns}"), **look)


def _dash(series: Sequence[Series]) -> alt.StrokeDash:
    scale = alt.Scale(
        domain=[each.name for each in series], range=[[5, 4] if each.is_dashed else [1, 0] for each in series]
    )
    return alt.StrokeDash("series:N", scale=scale)


def _tooltip(rows: Rows) -> list[alt.Tooltip]:
    names = list(rows[0]) if rows else []
    return [alt.Tooltip(f"{name}:N", title=name.removeprefix("tip ")) for name in names if name.startswith("tip ")]
