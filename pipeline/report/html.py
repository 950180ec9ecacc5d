"""The page: one file that needs no network, with a policy that lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipeline.report.bundle import chart_library
from pipeline.report.figure import Chart
from pipeline.report.limits import LIMITS
from pipeline.report.report import Report
from pipeline.report.theme import CONFIG
from pipeline.report.wording import plural

PARTS: Final = Path(__file__).with_name("page")
MOST_ROWS: Final = 400  # of a table in the page, or many channels would make it heavy
LICENSES: Final = (
    "Contains Vega, Vega-Lite, Vega-Embed and Vega-Tooltip, copyright University of Washington Interactive Data Lab "
    "and contributors, and D3, copyright Mike Bostock; BSD 3-Clause and ISC licences."
)


def render_html(report: Report) -> str:
    """The report as a page. All texts are escaped; only scripts and styles known by their hash may act.

    Raises:
        SunlakeError: the charts' JavaScript can't be had.
    """
    charts = dict(_charts(report))
    scripts = [Markup(text) for text in ([chart_library(), _part("charts.js")] if charts else [])]  # noqa: S704 - our own files and vl-convert's
    style = Markup(_part("style.css"))  # noqa: S704 - our own file
    environment = Environment(
        loader=FileSystemLoader(PARTS), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":"), "sort_keys": True}
    page = environment.get_template("report.html.j2").render(
        report=report,
        charts={"config": CONFIG, "specs": {key: chart.spec for key, chart in charts.items()}},
        scripts=scripts,
        style=style,
        policy=_policy(scripts, style),
        limits=LIMITS,
        most_rows=MOST_ROWS,
        licenses=LICENSES,
        plural=plural,
    )
    return page + "\n"


def _charts(report: Report) -> Iterator[tuple[str, Chart]]:
    for section in report.sections:
        for figure in section.figures:
            if figure.chart is not None:
                yield figure.table.name, figure.chart


def _policy(scripts: list[Markup], style: str) -> str:
    """A Content-Security-Policy: nothing may be loaded, sent or run but what the page was written with."""
    allowed: Mapping[str, Any] = {
        "default-src": "'none'",
        "script-src": " ".join(map(_hash, scripts)) or "'none'",
        "style-src": _hash(style),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in allowed.items())


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _part(name: str) -> str:
    return (PARTS / name).read_text("utf-8")
