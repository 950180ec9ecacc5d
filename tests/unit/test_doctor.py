"""The checks of `sunlake doctor`, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.config import AppSettings, Settings
from pipeline.doctor import check_app, check_storage
from pipeline.lake.layout import open_lake
from pipeline.lake.lock import writer_lock
from tests.forked import Sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A server."""
    with Sandbox("synthetic:seed=1,size=2") as sandbox:
        yield sandbox


def _app(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, *, scope: str = "app", secret: str = "") -> AppSettings:
    key = sandbox.key(scope)
    monkeypatch.setenv("SUNLAKE_KEY_ID", key.id)
    monkeypatch.setenv("SUNLAKE_SECRET", secret or key.secret)
    return AppSettings(app_id=sandbox.app_id, base_url=sandbox.base_url)


@pytest.mark.parametrize("scope", ["app", "integration"])
def test_a_good_key_is_found_good(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, scope: str) -> None:
    """What a narrower key may not read is said, but is no fault."""
    app = _app(sandbox, monkeypatch, scope=scope)
    found = asyncio.run(check_app(Settings(apps=(app,)), app))
    assert len(found) == 4
    assert all(finding.is_good for finding in found)
    assert any("goes on without" in finding.text for finding in found) == (scope == "integration")


def test_a_wrong_secret_is_found(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The finding says what to check and does not show the secret."""
    app = _app(sandbox, monkeypatch, secret="canary")
    found = asyncio.run(check_app(Settings(apps=(app,)), app))
    assert not found[-1].is_good
    assert "check the key id" in found[-1].text
    assert "canary" not in str(found)


def test_seeds_are_tried(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each source is read whole, good or not."""
    good = tmp_path / "good.csv"
    good.write_text("external_id\na\nb\n")
    key = _app(sandbox, monkeypatch)
    app = AppSettings(app_id=key.app_id, base_url=key.base_url, seeds=(str(good), str(tmp_path / "missing.csv")))
    first, second, *_ = asyncio.run(check_app(Settings(apps=(app,)), app))
    assert (first.is_good, first.text) == (True, "2 rows")
    assert (second.is_good, "no such file" in second.text) == (False, True)


def test_storage_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    """Lake and ledger are opened; a writer at work is named; nothing stays behind."""
    app = AppSettings(app_id="5d8cff3cd55b040010928b5b", base_url="http://127.0.0.1:9")
    settings = Settings(lake=str(tmp_path / "lake"), apps=(app,))
    lake = open_lake(tmp_path / "lake", create=True)
    with writer_lock(lake, app.app_id, what="export"):
        found = check_storage(settings)
    assert [finding.what for finding in found] == ["lake", "ledger", f"app {app.app_id}"]
    assert "`sunlake export` runs since" in found[-1].text
    assert not list((lake.private / "tmp").iterdir())


def test_a_lake_that_can_not_be_made_is_found(tmp_path: Path) -> None:
    """A file where the lake should be is told with the remedy."""
    (tmp_path / "lake").write_text("a file")
    (found,) = check_storage(Settings(lake=str(tmp_path / "lake")))
    assert not found.is_good
    assert "choose another lake" in found.text or "move it away" in found.text
