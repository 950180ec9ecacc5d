"""The report in a real browser, which runs no script but its own, loads nothing and shows what the tables say."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from pipeline.report.files import write_html
from pipeline.report.report import make_report
from pipeline.report.scope import Wish
from tests.unit.report.warehouses import HOSTILE, NOTHING, ONE, YEAR, Talk, write_warehouse

pytestmark = pytest.mark.slow

NAMES = ("chromium", "chromium-browser", "google-chrome")
DAYS = Wish(date(2026, 11, 19), date(2026, 11, 21))
WORLDS = {
    "month": (YEAR, Wish()),
    "year": (YEAR, Wish(YEAR.first, YEAR.last)),
    "days": (YEAR, DAYS),
    "one": (ONE, DAYS),
    "nothing": (NOTHING, DAYS),
    "hostile": (HOSTILE, DAYS),
}
DRAWN = "() => document.documentElement.dataset.charts === 'drawn' || !document.getElementById('chart-specs')"
MARKS = """
() => Object.fromEntries([...document.querySelectorAll(".chart")].map((chart) => [
    chart.id,
    chart.querySelectorAll(".role-mark path[d], .role-mark line, .role-mark text").length,
]))
"""
CLIPPED = """
() => [...document.querySelectorAll(".chart")].filter((chart) => {
    const place = chart.closest("figure").getBoundingClientRect();
    return [...chart.querySelectorAll("text")].some((text) => {
        const box = text.getBoundingClientRect();
        return box.width > 0 && (box.left < place.left || box.right > place.right);
    });
}).map((chart) => chart.id)
"""


@dataclass
class Visit:
    """A page that was opened, with all that it asked for and complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium, the system's own."""
    path = next((found for found in map(shutil.which, NAMES) if found), None)
    if path is None:
        assert not os.environ.get("CI"), "Chromium must be there in CI: tests/system-packages.sh installs it"
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as driver:
        # Chromium's own sandbox refuses to run as root.
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = driver.chromium.launch(executable_path=path, args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of each world."""
    lakes: dict[Talk, Path] = {}
    written = {}
    for name, (talk, wish) in WORLDS.items():
        if talk not in lakes:
            lakes[talk] = tmp_path_factory.mktemp("lake")
            write_warehouse(lakes[talk], talk)
        written[name] = lakes[talk] / "page" / f"{name}.html"
        write_html(make_report(lakes[talk], wish), written[name])
    return written


@pytest.fixture
def visit(browser: Browser, pages: dict[str, Path]) -> Iterator[Any]:
    """A function that opens the page of a world, without a network, and waits until its charts are drawn."""
    opened: list[Page] = []

    def open_page(world: str, *, scheme: str = "light") -> Visit:
        visit = _visit(browser, pages[world], scheme=scheme)
        opened.append(visit.page)
        return visit

    yield open_page
    for page in opened:
        page.close()


@pytest.fixture(scope="module")
def look(browser: Browser, pages: dict[str, Path]) -> Any:
    """A function that opens the page of a world once for all tests that only look at it."""
    return cache(lambda world, width=1280: _visit(browser, pages[world], width=width))


def _visit(browser: Browser, file: Path, *, scheme: str = "light", width: int = 1280) -> Visit:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.context.set_offline(True)
    visit = Visit(page)

    def complain(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            visit.complaints.append(message.text)

    page.on("request", lambda request: visit.requests.append(request.url))
    page.on("console", complain)
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on("dialog", lambda dialog: visit.complaints.append(dialog.message))
    page.goto(file.as_uri())
    page.wait_for_function(DRAWN)
    return visit


@pytest.mark.parametrize("world", WORLDS)
def test_the_page_loads_nothing_and_complains_of_nothing(look: Any, pages: dict[str, Path], world: str) -> None:
    """Only the file itself is asked for, and its policy, its charts and its scripts get along."""
    seen = look(world)
    assert seen.requests == [pages[world].as_uri()]
    assert seen.complaints == []


@pytest.mark.parametrize("world", ["month", "year", "days"])
def test_every_chart_is_drawn(look: Any, world: str) -> None:
    """Each place of a chart has marks in it, whatever the length of the period."""
    marks = look(world).page.evaluate(MARKS)
    assert len(marks) > 20
    assert all(marks.values()), marks


@pytest.mark.parametrize("world", ["one", "hostile"])
def test_charts_of_odd_data_are_drawn(look: Any, world: str) -> None:
    """A single conversation and names that nobody expects make charts, too."""
    marks = look(world).page.evaluate(MARKS)
    assert marks
    assert all(marks.values()), marks


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("world", ["month", "year", "hostile"])
def test_no_label_is_cut(look: Any, world: str, width: int) -> None:
    """Text of a chart stays within its figure, and no page is wider than its window."""
    page = look(world, width).page
    assert page.evaluate(CLIPPED) == []
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_dark_mode_and_print_change_page_and_charts(visit: Any) -> None:
    """The charts' colours follow the page's, without being drawn again."""
    colours = """() => ["body", ".chart .mark-text text, .chart .role-axis-label text"].map((place, number) =>
        getComputedStyle(document.querySelector(place))[number ? "fill" : "backgroundColor"])"""
    light, dark = visit("month").page, visit("month", scheme="dark").page
    lights, darks = light.evaluate(colours), dark.evaluate(colours)
    dark.emulate_media(media="print")
    prints = dark.evaluate(colours)
    assert [_brightness(page) > 200 for page, _ in (lights, darks, prints)] == [True, False, True]
    assert [_brightness(text) > 120 for _, text in (lights, darks, prints)] == [False, True, False]


@pytest.mark.parametrize(
    ("world", "scheme"), [("days", "light"), ("one", "light"), ("nothing", "light"), ("hostile", "dark")]
)
def test_the_page_has_no_serious_fault_of_accessibility(visit: Any, world: str, scheme: str) -> None:
    """With all tables open, axe finds nothing serious or critical; dark mode has the same page in other colours."""
    page = visit(world, scheme=scheme).page
    page.evaluate("() => document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    found = Axe().run(page).response["violations"]
    serious = [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in {"serious", "critical"}]
    assert serious == []


def test_hostile_names_do_nothing(visit: Any) -> None:
    """A name that holds a script is shown as it is: in tables, in charts, and in what a pointer brings up."""
    seen = visit("hostile")
    page = seen.page
    page.evaluate("() => document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    bars = page.locator("#chart-volume_by_channel .mark-rect path")
    for number in range(bars.count()):
        bars.nth(number).dispatch_event("mousemove")
        bars.nth(number).dispatch_event("pointermove")
    bars.first.hover()
    assert page.locator("#vg-tooltip-element.visible").count() == 1
    assert page.locator("#vg-tooltip-element img, #vg-tooltip-element svg, #vg-tooltip-element script").count() == 0
    assert page.evaluate("() => window.acted") is None
    assert page.get_by_role("rowheader", name="<img src=x onerror=").count() > 0
    assert seen.complaints == []


def test_the_keyboard_reaches_tables_and_skips_to_the_report(visit: Any) -> None:
    """The first stop skips to the report, and a table is opened with a key."""
    page = visit("month").page
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.tagName") == "SUMMARY"
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.parentElement.open") is True


def test_tables_have_what_the_charts_show(visit: Any) -> None:
    """A point's tooltip says the number of its day that stands in the table."""
    page = visit("month").page
    page.locator("#chart-sessions .mark-symbol path").first.hover()
    told = page.locator("#vg-tooltip-element").inner_text()
    row = page.locator("#figure-sessions tbody tr").first
    row.evaluate("(row) => { row.closest('details').open = true; }")
    day, sessions = row.locator("th").inner_text(), row.locator("td").first.inner_text()
    assert day in told
    assert f"{sessions}.0" in told


def _brightness(color: str) -> float:
    red, green, blue = (int(part) for part in color.removeprefix("rgb(").removesuffix(")").split(",")[:3])
    return 0.299 * red + 0.587 * green + 0.114 * blue
