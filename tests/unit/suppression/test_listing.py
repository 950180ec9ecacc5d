from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.errors import CorruptLakeError, PrivacyKeyError
from pipeline.lake.layout import Lake, open_lake
from pipeline.suppression import listing
from pipeline.suppression.keys import Keyring
from pipeline.suppression.listing import Entry, append, entries_for, load, mac_of, suppress, suppression_lock
from pipeline.suppression.matcher import Effect, external_key
from pipeline.suppression.subjects import Action, Kind
from pipeline.suppression.suppressed import Suppressed
from tests.unit.suppression.people import APP, anna, oid

KEYS = Keyring({"k1": b"1" * 32})
NOW = datetime(2026, 5, 1, tzinfo=UTC)
UNTIL = NOW + timedelta(days=30)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    return open_lake(tmp_path / "lake", create=True)


def _entries(**fields: object) -> list[Entry]:
    return entries_for(anna(**fields), KEYS, batch="b1", until=UNTIL, now=NOW)  # type: ignore[arg-type]


def _matcher(lake: Lake, keyring: Keyring = KEYS, *, now: datetime = NOW, app_id: str = APP) -> Suppressed:
    return Suppressed(load(lake).in_force(app_id, now=now), keyring, app_id=app_id)


def test_a_list_that_was_never_written_is_empty(lake: Lake) -> None:
    """A lake without suppressions has no file, and no generation."""
    assert load(lake).is_empty
    assert (load(lake).generation, listing.generation_of(lake)) == (0, 0)


def test_what_was_appended_keeps_the_person_out_and_names_nobody(lake: Lake) -> None:
    """Ids, external ids, e-mails and phones match in every form; the file holds none of them, and is private."""
    append(lake, _entries())
    matcher = _matcher(lake)
    assert matcher.effect(Kind.USER, oid("anna")) is Effect.DROP
    assert matcher.effect(Kind.CONVERSATION, oid("alone")) is Effect.DROP
    assert matcher.effect(Kind.EMAIL, "ANNA.ERNST@example.org") is Effect.DROP
    assert matcher.effect(Kind.CLIENT_EXTERNAL_ID, "49301234567") is Effect.DROP
    assert matcher.effect(Kind.EXTERNAL_ID, external_key("customer-77", None)) is Effect.DROP
    assert matcher.effect(Kind.EXTERNAL_ID, external_key("customer-77", "another brand")) is None
    assert matcher.effect(Kind.USER, oid("ben")) is None
    assert matcher.effect(Kind.CONVERSATION, oid("group")) is None
    file = listing.path_of(lake)
    data = file.read_text()
    for secret in (oid("anna"), oid("alone"), "customer-77", "example.org", "1234567", "Ernst"):
        assert secret not in data
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_other_apps_are_not_touched(lake: Lake) -> None:
    """The same id in another app is another person."""
    append(lake, _entries())
    assert _matcher(lake, app_id="other").is_empty


def test_aliases_expire_and_ids_never_do(lake: Lake) -> None:
    """A customer who comes back with the same external id is a new person (gdpr.md, section 7)."""
    append(lake, _entries())
    later = _matcher(lake, now=UNTIL + timedelta(seconds=1))
    assert later.effect(Kind.EMAIL, "anna.ernst@example.org") is None
    assert later.effect(Kind.EXTERNAL_ID, external_key("customer-77", None)) is None
    assert later.effect(Kind.USER, oid("anna")) is Effect.DROP


def test_an_older_key_goes_on_matching_what_it_made(lake: Lake) -> None:
    """After a rotation both keys are needed; without the old one nothing starts."""
    append(lake, _entries())
    rotated = Keyring({"k2": b"2" * 32, "k1": b"1" * 32})
    append(lake, entries_for(anna(user_ids=frozenset({oid("zoe")})), rotated, batch="b2", until=UNTIL, now=NOW))
    matcher = _matcher(lake, rotated)
    assert matcher.effect(Kind.USER, oid("anna")) is Effect.DROP
    assert matcher.effect(Kind.USER, oid("zoe")) is Effect.DROP
    with pytest.raises(PrivacyKeyError, match="k1"):
        _matcher(lake, Keyring({"k2": b"2" * 32}))


def test_a_release_takes_an_entry_back(lake: Lake) -> None:
    """The last entry of an identifier counts."""
    append(lake, _entries())
    append(lake, _entries(action=Action.RELEASE))
    assert _matcher(lake).is_empty


def test_a_repeated_suppression_adds_nothing(lake: Lake) -> None:
    """A batch that is resumed does not grow the list."""
    assert suppress(lake, _entries()) > 0
    before = listing.generation_of(lake)
    assert suppress(lake, _entries()) == 0
    assert listing.generation_of(lake) == before


def test_shared_values_are_not_kept_out(lake: Lake) -> None:
    """An address that somebody who stays has too must not keep that person out."""
    subject = anna()
    entries = entries_for(subject, KEYS, batch="b", until=UNTIL, shared=subject.emails)
    assert Kind.EMAIL not in {entry.kind for entry in entries}
    assert Kind.USER in {entry.kind for entry in entries}


def test_a_torn_line_never_took_effect_and_is_cut_off(lake: Lake) -> None:
    """A crash in the middle of an append leaves a list that can be read and written."""
    append(lake, _entries()[:1])
    whole = load(lake)
    with listing.path_of(lake).open("ab") as file:
        file.write(b'{"kind":"user","app')
    assert load(lake).entries == whole.entries
    assert load(lake).generation == whole.generation
    append(lake, _entries()[1:2])
    assert len(load(lake).entries) == 2


def test_a_damaged_line_stops_everything(lake: Lake) -> None:
    """Nothing may be exported by a list that can't be read: fail closed."""
    append(lake, _entries())
    file = listing.path_of(lake)
    data = bytearray(file.read_bytes())
    data[0:1] = b"?"
    file.write_bytes(data)
    with pytest.raises(CorruptLakeError, match="restore it"):
        load(lake)


def test_an_append_waits_for_who_publishes(lake: Lake) -> None:
    """Once it has returned, no commit that began before is still publishing."""
    done = threading.Event()

    def add() -> None:
        append(lake, _entries())
        done.set()

    with suppression_lock(lake, exclusive=False):
        thread = threading.Thread(target=add)
        thread.start()
        assert not done.wait(0.3)
    thread.join(10)
    assert done.is_set()


def test_a_mac_is_of_app_kind_and_value() -> None:
    """gdpr.md, section 7: HMAC of v1|app|kind|value."""
    assert mac_of(KEYS, APP, Kind.USER, "x") == KEYS.mac("suppression", APP, "user", "x")
    assert mac_of(KEYS, APP, Kind.EMAIL, "X@Y") == mac_of(KEYS, APP, Kind.EMAIL, "x@y")
