"""What `sunlake doctor` says of erasure."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from pipeline.cli.erase import write_keys
from pipeline.config import Settings
from pipeline.doctor import Finding
from pipeline.lake.layout import Lake, open_lake
from pipeline.privacy.checkup import check_privacy
from pipeline.privacy.deeds.deeds import Deeds
from pipeline.privacy_settings import PrivacySettings
from pipeline.suppression.keys import load_deeds_keyring, load_keyring
from pipeline.suppression.listing import entries_for, suppress
from pipeline.suppression.subjects import Action, Subject

BATCH = "b1a217d11a03f9bc0352"
NAMES = ("SUNLAKE_PRIVACY_KEY", "SUNLAKE_DEEDS_KEY")


@pytest.fixture(autouse=True)
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake, and no key in the environment."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    return open_lake(tmp_path / "lake", create=True)


def _settings(folder: Path, *, keys: bool) -> Settings:
    settings = Settings(lake=str(folder / "lake"))
    if not keys:
        return settings
    files = {"key_file": str(folder / "keys" / "privacy.key"), "deeds_key_file": str(folder / "keys" / "deeds.key")}
    if not (folder / "keys").exists():
        write_keys(folder / "keys")
    return msgspec.structs.replace(settings, privacy=PrivacySettings(**files))  # type: ignore[arg-type]  # texts only


def _suppress_somebody(lake: Lake, settings: Settings) -> None:
    subject = Subject(app_id="a1", tag="0" * 64, action=Action.ERASE, user_ids=frozenset({"5" * 24}))
    suppress(lake, entries_for(subject, load_keyring(settings), batch=BATCH, until=datetime.now(UTC)))


def _bad(found: list[Finding]) -> list[str]:
    return [finding.what for finding in found if not finding.is_good]


def test_who_erases_nobody_needs_no_keys(tmp_path: Path) -> None:
    """One line that is no fault, and says how to begin."""
    (found,) = check_privacy(_settings(tmp_path, keys=False))
    assert found.is_good
    assert "not set up" in found.text
    assert "`sunlake erase keys`" in found.text


def test_good_keys_and_a_whole_ledger_are_found_good(tmp_path: Path, lake: Lake) -> None:
    """Both keys, the suppressions and the ledger of deeds have a line each."""
    settings = _settings(tmp_path, keys=True)
    _suppress_somebody(lake, settings)
    Deeds.open(lake, key=load_deeds_keyring(settings).subkey("deeds")).append(BATCH, "suppress")
    found = check_privacy(settings)
    assert [finding.what for finding in found] == ["privacy key", "deeds key", "suppressions", "ledger of deeds"]
    assert not _bad(found)


def test_suppressions_without_a_key_are_to_be_mended(tmp_path: Path, lake: Lake) -> None:
    """Nothing can be exported in this state, so it must not pass for "not set up"."""
    _suppress_somebody(lake, _settings(tmp_path, keys=True))
    assert _bad(check_privacy(_settings(tmp_path, keys=False))) == ["privacy key", "deeds key"]


def test_another_key_than_the_one_that_suppressed_is_found(tmp_path: Path, lake: Lake) -> None:
    """A fresh key can be read and matches nobody: the key that is missing is named by its id."""
    settings = _settings(tmp_path, keys=True)
    _suppress_somebody(lake, settings)
    missing = load_keyring(settings).key_id
    for file in (tmp_path / "keys").iterdir():
        file.unlink()
    write_keys(tmp_path / "keys")
    (bad,) = [finding for finding in check_privacy(settings) if not finding.is_good]
    assert (bad.what, missing in bad.text) == ("suppressions", True)


def test_a_key_that_others_can_read_is_found(tmp_path: Path) -> None:
    """The finding says which command mends it."""
    settings = _settings(tmp_path, keys=True)
    (tmp_path / "keys" / "deeds.key").chmod(0o644)
    (bad,) = [finding for finding in check_privacy(settings) if not finding.is_good]
    assert (bad.what, "chmod 600" in bad.text) == ("deeds key", True)


def test_a_ledger_that_was_changed_is_found(tmp_path: Path, lake: Lake) -> None:
    """One digit is enough."""
    settings = _settings(tmp_path, keys=True)
    deeds = Deeds.open(lake, key=load_deeds_keyring(settings).subkey("deeds"))
    deeds.append(BATCH, "suppress", counts={"entries": 1})
    deeds.append(BATCH, "close")
    file = lake.private / "privacy" / "deeds.jsonl"
    file.write_text(file.read_text().replace('"entries":1', '"entries":2'))
    assert _bad(check_privacy(settings)) == ["ledger of deeds"]
