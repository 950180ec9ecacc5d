"""The page of a copy in a browser: what it asks for, and whether everybody can read it."""

from __future__ import annotations

import os
import shutil
from zipfile import ZipFile

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from tests.integration.access_bench import copy, subject_of
from tests.integration.conftest import Serve
from tests.integration.small_worlds import BEGINNING, HOUR, SmallWorld, message, oid
from tests.integration.test_report_browser import NAMES


def test_the_page_loads_nothing_and_has_no_fault_of_accessibility(serve: Serve) -> None:
    """Axe finds nothing in light and dark; a narrow screen need not be scrolled sideways; only the page is loaded."""
    path = next((found for found in map(shutil.which, NAMES) if found), None)
    if path is None:
        assert not os.environ.get("CI"), "Chromium must be there in CI: tests/system-packages.sh installs it"
        pytest.skip("Chromium is not installed: apt-get install chromium")
    world = SmallWorld("seen").user("ann", clients=["phone"]).user("bob")
    world.conversation("chat", ["ann"], messages=3).conversation("group", ["ann", "bob"], messages=3)
    item = message("file", BEGINNING + 9 * HOUR, author="ann")
    item["content"] = {"type": "image", "mediaUrl": f"https://elsewhere.example/{'long' * 60}.png"}
    world.lines.append({"table": "messages", "app_id": world.app_id, "object": item, "conversation_id": oid("chat")})
    bench = serve(world)
    bench.export()
    copied = copy(bench, subject_of(bench, oid("ann")))
    ZipFile(copied.export.path).extractall(bench.folder / "opened")
    page_file = (bench.folder / "opened" / "index.html").as_uri()
    with sync_playwright() as driver:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = driver.chromium.launch(executable_path=path, args=options)
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": 390, "height": 900}, color_scheme=scheme)
            asked: list[str] = []
            complaints: list[str] = []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.on("console", lambda said, complaints=complaints: complaints.append(said.text))
            page.goto(page_file)
            page.evaluate("() => document.querySelectorAll('details').forEach((each) => { each.open = true; })")
            found = Axe().run(page).response["violations"]
            assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
            assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
            assert page.get_by_role("note").count() == 1
            assert asked == [page_file]
            assert complaints == []
        browser.close()
