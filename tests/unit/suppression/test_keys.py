from __future__ import annotations

import base64
from pathlib import Path

import pytest

from pipeline.config import Settings, load_settings
from pipeline.errors import ConfigError, PrivacyKeyError
from pipeline.privacy_settings import PrivacySettings
from pipeline.suppression.keys import Keyring, load_deeds_keyring, load_keyring, new_key_text

OLD, NEW = new_key_text("old"), new_key_text("new")
SETTINGS = Settings()


def test_a_mac_is_the_hmac_of_the_joined_parts_under_a_derived_key() -> None:
    """The form is fixed for ever, since suppressions outlive releases: a known key gives known digits."""
    ring = Keyring({"k": bytes(range(32))})
    assert ring.subkey("suppression").hex() == "4b23635e28110ad2db5627123983f8fda6f741ed7cbe1f6bb5044e8d3e18d449"
    assert ring.mac("tag", "app", "user", "1") == "a93ef4344020a81d0ea2d22979e61786a55a912e7fe72b2d339e16de960487b7"


def test_purposes_kinds_apps_and_keys_give_different_macs() -> None:
    """A MAC of one purpose, app, kind or key tells nothing about the same value elsewhere."""
    ring = Keyring({"new": b"n" * 32, "old": b"o" * 32})
    macs = [
        ring.mac("suppression", "app", "user", "v"),
        ring.mac("hold", "app", "user", "v"),
        ring.mac("suppression", "app", "client", "v"),
        ring.mac("suppression", "other", "user", "v"),
        ring.mac("suppression", "app", "user", "v", key_id="old"),
    ]
    assert len(set(macs)) == len(macs)
    assert ring.mac("suppression", "app", "user", "v", key_id="new") == macs[0]


def test_a_lone_surrogate_has_a_mac() -> None:
    """Values that are legal JSON and no Unicode are matched like any other."""
    assert Keyring({"k": b"k" * 32}).mac("tag", "\ud83d")


def test_several_keys_are_read_newest_first() -> None:
    """The first key makes MACs, the others stay known."""
    ring = load_keyring(SETTINGS, environ={"SUNLAKE_PRIVACY_KEY": f"{NEW}, {OLD}"})
    assert ring.key_id == NEW.partition(":")[0]
    assert ring.key_ids == (NEW.partition(":")[0], OLD.partition(":")[0])


def test_a_key_file_is_read_line_by_line(tmp_path: Path) -> None:
    """A file of mode 0600 may hold comments and several keys; a setting may name it, or the environment."""
    file = tmp_path / "privacy.key"
    file.write_text(f"# newest first\n{NEW}\n\n{OLD}\n")
    file.chmod(0o600)
    by_variable = load_keyring(SETTINGS, environ={"SUNLAKE_PRIVACY_KEY_FILE": str(file)})
    by_setting = load_keyring(Settings(privacy=PrivacySettings(key_file=str(file))), environ={})
    assert by_variable.key_ids == by_setting.key_ids
    assert len(by_setting.key_ids) == 2


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """The message says what to run, and nothing of the key."""
    file = tmp_path / "privacy.key"
    file.write_text(NEW)
    file.chmod(mode)
    with pytest.raises(PrivacyKeyError, match="chmod 600") as caught:
        load_keyring(SETTINGS, environ={"SUNLAKE_PRIVACY_KEY_FILE": str(file)})
    assert NEW.partition(":")[2] not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "sunlake erase keys"),
        ("no-colon", "keyid:base64"),
        ("bad id!:AAAA", "keyid:base64"),
        ("k:***", "base64"),
        ("k:" + base64.b64encode(b"short").decode(), "5 bytes"),
        (f"{NEW},{NEW}", "twice"),
    ],
)
def test_a_wrong_key_is_refused_with_a_remedy(text: str, word: str) -> None:
    """What is wrong is said without the text of the key."""
    with pytest.raises(PrivacyKeyError, match=word) as caught:
        load_keyring(SETTINGS, environ={"SUNLAKE_PRIVACY_KEY": text})
    assert NEW.partition(":")[2] not in str(caught.value)


def test_a_missing_file_and_a_binary_one_are_refused(tmp_path: Path) -> None:
    """Neither ends in a traceback."""
    file = tmp_path / "binary"
    file.write_bytes(b"\xff\xfe\x00")
    file.chmod(0o600)
    for path in (file, tmp_path / "missing"):
        with pytest.raises(PrivacyKeyError, match="sunlake erase keys"):
            load_keyring(SETTINGS, environ={"SUNLAKE_PRIVACY_KEY_FILE": str(path)})


def test_the_ledger_of_deeds_has_a_key_of_its_own() -> None:
    """The privacy key never stands in for it."""
    environ = {"SUNLAKE_PRIVACY_KEY": NEW}
    with pytest.raises(PrivacyKeyError, match="SUNLAKE_DEEDS_KEY"):
        load_deeds_keyring(SETTINGS, environ=environ)
    assert load_deeds_keyring(SETTINGS, environ=environ | {"SUNLAKE_DEEDS_KEY": OLD}).key_id.startswith("old")


def test_an_unknown_key_id_is_said() -> None:
    """What an older key made can't be matched without it."""
    with pytest.raises(PrivacyKeyError, match="gone"):
        Keyring({"k": b"k" * 32}).mac("tag", "x", key_id="gone")


def test_a_keyring_shows_only_ids() -> None:
    """No secret in a repr."""
    assert repr(Keyring({"k": b"secret" * 6})) == "Keyring(k)"


def test_privacy_settings_are_read_and_checked(tmp_path: Path) -> None:
    """The section is optional; wrong values name their key."""
    file = tmp_path / "sunlake.toml"
    file.write_text('[privacy]\nmentions = "redact"\nretention = {messages = "erased"}\nrecipients = ["BI team"]\n')
    privacy = load_settings(file, environ={}).privacy
    assert (privacy.mentions, privacy.retention.messages, privacy.retention.users) == ("redact", "erased", "erased")
    file.write_text("[privacy]\nmax_subjects_share = 2.0\n")
    with pytest.raises(ConfigError, match="max_subjects_share"):
        load_settings(file, environ={})
    file.write_text("[privacy]\nplan_hours = 0\n")
    with pytest.raises(ConfigError, match="plan_hours"):
        load_settings(file, environ={})
