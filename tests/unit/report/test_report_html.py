from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import altair as alt
import pytest

from pipeline.report.html import MOST_ROWS, render_html
from pipeline.report.report import Report, make_report
from pipeline.report.scope import Wish
from tests.unit.report.pages import Page, read_page
from tests.unit.report.warehouses import HOSTILE, NOTHING, YEAR, write_warehouse


@pytest.fixture(scope="module")
def year_page(year_report: Report) -> str:
    """The page of the last 28 days."""
    return render_html(year_report)


@pytest.fixture(scope="module")
def parsed(year_page: str) -> Page:
    """The same page, parsed."""
    return read_page(year_page)


def test_the_page_is_small_enough_to_be_mailed(year_page: str, year_lake: Path) -> None:
    """Under 2 MB for the usual period, under 3 MB for a year by week."""
    assert len(year_page.encode()) < 2_000_000
    whole = make_report(year_lake, Wish(YEAR.first, YEAR.last))
    assert len(render_html(whole).encode()) < 3_000_000


def test_the_page_loads_nothing(parsed: Page) -> None:
    """No element names a file or an address, except anchors within the page."""
    for element in parsed.elements:
        assert element.tag not in {"link", "img", "iframe", "object", "form"}
        assert "src" not in element.attributes
        assert element.attributes.get("href", "#").startswith("#")
        assert not [name for name in element.attributes if name.startswith("on") or name == "style"]


def test_only_scripts_and_styles_of_the_page_may_act(parsed: Page) -> None:
    """The policy forbids everything but the page's own scripts and styles, each known by its hash."""
    (policy,) = parsed.all("meta", **{"http-equiv": "Content-Security-Policy"})
    rules = dict(rule.split(" ", 1) for rule in policy.attributes["content"].split("; "))
    scripts = [element.text for element in parsed.all("script") if not element.attributes.get("type")]
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts]
    assert rules["default-src"] == "'none'"
    assert rules["script-src"].split() == hashes
    assert len(rules["style-src"].split()) == 1
    assert "unsafe" not in policy.attributes["content"]


def test_every_anchor_leads_somewhere_and_no_id_comes_twice(parsed: Page) -> None:
    """Links within the page and labels have their targets."""
    ids = [element.attributes["id"] for element in parsed.elements if "id" in element.attributes]
    assert len(set(ids)) == len(ids)
    wanted = [element.attributes["href"].removeprefix("#") for element in parsed.all("a")]
    wanted += [
        element.attributes["aria-labelledby"] for element in parsed.elements if "aria-labelledby" in element.attributes
    ]
    assert set(wanted) <= set(ids)


def test_headings_and_landmarks_are_in_order(parsed: Page) -> None:
    """One h1, no level left out, a header, a navigation, one main part and a footer, and a link that skips to it."""
    levels = [int(element.tag[1]) for element in parsed.elements if re.fullmatch("h[1-6]", element.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(level - before <= 1 for before, level in pairwise(levels))
    assert [len(parsed.all(tag)) for tag in ("header", "nav", "main", "footer")] == [1, 1, 1, 1]
    first_link = parsed.all("a")[0]
    assert first_link.attributes == {"class": "skip", "href": "#main"}


def test_tables_have_captions_and_headers(parsed: Page) -> None:
    """Every table has a caption and column headers; every row begins with its header."""
    assert len(parsed.all("caption")) == len(parsed.all("table")) > 30
    assert all(element.attributes.get("scope") in {"col", "row"} for element in parsed.all("th"))
    body_rows = [element for element in parsed.all("tr") if "tbody" in element.parents]
    assert len(parsed.all("th", scope="row")) == len(body_rows)


def test_every_chart_has_a_description_a_definition_and_its_numbers(parsed: Page, year_report: Report) -> None:
    """A chart is an image with a name, and its figure has a definition and a table that can be opened."""
    charts = [figure for section in year_report.sections for figure in section.figures if figure.chart]
    shown = parsed.all("div", role="img")
    assert len(shown) == len(charts) > 20
    assert all(element.attributes["aria-label"].strip() for element in shown)
    details = [element for element in parsed.all("details") if "figure" in element.parents]
    assert len(details) == len(charts)
    assert len([element for element in parsed.all("p") if element.attributes.get("class") == "definition"]) >= len(
        charts
    )


def test_every_specification_is_valid(year_lake: Path) -> None:
    """All kinds of chart are what the schema of Vega-Lite allows."""
    for section in make_report(year_lake, Wish(date(2026, 11, 19), date(2026, 11, 21))).sections:
        for figure in section.figures:
            if figure.chart is not None:
                alt.Chart.from_dict(dict(figure.chart.spec)).to_dict()


def test_hostile_names_are_text_wherever_they_stand(tmp_path: Path) -> None:
    """Channels that hold markup, quotes or the end of a script change nothing in the page's structure."""
    write_warehouse(tmp_path, HOSTILE)
    page = read_page(render_html(make_report(tmp_path)))
    tame = replace(HOSTILE, channels=tuple(f"c{number}" for number, _ in enumerate(HOSTILE.channels)))
    write_warehouse(tmp_path / "tame", tame)
    expected = read_page(render_html(make_report(tmp_path / "tame")))
    tags = sorted(element.tag for element in page.elements)
    assert tags == sorted(element.tag for element in expected.elements)
    cells = {element.text for element in page.all("th", scope="row")}
    assert {name.strip() for name in HOSTILE.channels} <= {cell.strip() for cell in cells}
    (specs,) = page.all("script", id="chart-specs")
    assert "<" not in specs.text
    assert json.loads(specs.text)["specs"]


def test_a_page_without_charts_has_no_script(tmp_path: Path) -> None:
    """An empty warehouse makes a small page, which allows no script at all."""
    write_warehouse(tmp_path, NOTHING)
    text = render_html(make_report(tmp_path))
    page = read_page(text)
    assert not page.all("script")
    assert "script-src &#39;none&#39;" in text
    assert len(text) < 100_000


def test_long_tables_are_cut_in_the_page_and_say_so(year_lake: Path) -> None:
    """A page shows the first rows of a table and names the command that gives all."""
    report = make_report(year_lake, Wish(YEAR.first, YEAR.last))
    table = next(
        figure.table
        for section in report.sections
        for figure in section.figures
        if len(figure.table.rows) * 2 > MOST_ROWS
    )
    longer = replace(table, rows=table.rows * 3)
    section = report.sections[0]
    figures = tuple(replace(figure, table=longer) if figure.table is table else figure for figure in section.figures)
    text = render_html(replace(report, sections=(replace(section, figures=figures), *report.sections[1:])))
    assert f"The first {MOST_ROWS} of {len(longer.rows)} rows" in text


def test_ids_of_people_are_not_in_the_page(year_page: str) -> None:
    """Neither users nor conversations nor sessions can be told from the page."""
    assert not re.search(r"\bu\d{6}\b|\bs\d{6}\b", year_page)


def test_equal_reports_give_equal_pages(year_lake: Path, year_page: str) -> None:
    """Nothing in a page depends on when it was written."""
    assert render_html(make_report(year_lake)) == year_page
