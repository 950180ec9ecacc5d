"""The end of a restriction, whichever key it was made with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.config import Settings
from pipeline.errors import PrivacyKeyError
from pipeline.lake.layout import Lake, open_lake
from pipeline.privacy.desk import Desk, open_desk
from pipeline.privacy.requests.holds_of_batch import without_held
from pipeline.suppression.keys import new_key_text
from pipeline.suppression.listing import entries_for, load, suppress
from pipeline.suppression.matcher import Effect
from pipeline.suppression.restricted import has_restrictions
from pipeline.suppression.subjects import Action, Kind
from pipeline.suppression.suppressed import Suppressed
from tests.unit.suppression.people import APP, anna, oid

OLD, NEW = new_key_text("old"), new_key_text("new")
BATCHES = ("b" + "0" * 19, "b" + "1" * 19)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    return open_lake(tmp_path / "lake", create=True)


def test_a_restriction_by_an_older_key_can_be_released(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that was made by both keys; what an erasure keeps out stays out."""
    monkeypatch.setenv("SUNLAKE_DEEDS_KEY", new_key_text())
    with _keys(monkeypatch, lake, OLD) as desk:
        _suppress(desk, Action.RESTRICT)
        _suppress(desk, Action.ERASE)
    with _keys(monkeypatch, lake, NEW, OLD) as desk:
        _suppress(desk, Action.RESTRICT)
        assert has_restrictions(lake, APP)
        _release(desk)
        assert not has_restrictions(lake, APP)
        assert _effect(desk) is Effect.DROP


def test_a_release_without_the_key_of_the_restriction_is_refused(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody may be told that a person is visible again who is not."""
    monkeypatch.setenv("SUNLAKE_DEEDS_KEY", new_key_text())
    with _keys(monkeypatch, lake, OLD) as desk:
        _suppress(desk, Action.RESTRICT)
    with _keys(monkeypatch, lake, NEW) as desk, pytest.raises(PrivacyKeyError):
        _release(desk)
    assert has_restrictions(lake, APP)


def test_a_person_can_be_restricted_again_after_a_release(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list holds the same entry already, and it was taken back."""
    monkeypatch.setenv("SUNLAKE_DEEDS_KEY", new_key_text())
    with _keys(monkeypatch, lake, NEW) as desk:
        for _ in range(2):
            _suppress(desk, Action.RESTRICT)
            assert has_restrictions(lake, APP)
            _release(desk)
            assert not has_restrictions(lake, APP)


def test_a_restriction_takes_nothing_back_of_an_erasure(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was erased and is restricted later stays out; ending the restriction changes nothing of it."""
    monkeypatch.setenv("SUNLAKE_DEEDS_KEY", new_key_text())
    with _keys(monkeypatch, lake, NEW) as desk:
        _suppress(desk, Action.ERASE)
        _suppress(desk, Action.RESTRICT)
        assert _effect(desk) is Effect.DROP
        _release(desk)
        assert _effect(desk) is Effect.DROP
        assert not has_restrictions(lake, APP)


@contextmanager
def _keys(monkeypatch: pytest.MonkeyPatch, lake: Lake, *keys: str) -> Iterator[Desk]:
    monkeypatch.setenv("SUNLAKE_PRIVACY_KEY", ",".join(keys))
    with open_desk(Settings(lake=str(lake.root))) as desk:
        yield desk


def _suppress(desk: Desk, action: Action) -> None:
    until = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=36_500)
    suppress(desk.lake, entries_for(anna(action), desk.keyring, batch=BATCHES[0], until=until))


def _release(desk: Desk) -> None:
    without_held(desk, [anna(Action.RELEASE, tag="0" * 16)], [], batch=BATCHES[1])


def _effect(desk: Desk) -> Effect | None:
    matcher = Suppressed(load(desk.lake).in_force(APP), desk.keyring, app_id=APP)
    return matcher.effect(Kind.USER, oid("anna"))
