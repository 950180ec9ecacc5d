"""Mentions that were redacted are redacted again when they come again: in exports, compactions and restores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.lake.batch import Batch
from pipeline.lake.compact import compact_app
from pipeline.lake.secrets import Dropped
from pipeline.suppression.gate import Gate
from pipeline.suppression.keys import Keyring
from pipeline.suppression.listing import Entry, append, entries_for
from pipeline.suppression.mention_macs import SuppressedMentions, mention_entries
from pipeline.suppression.mentions import Mentions
from pipeline.suppression.subjects import Subject
from pipeline.suppression.suppressed import Suppressed
from tests.unit.privacy.erased_lakes import APP, AnnasLake, subject
from tests.unit.suppression.people import message, oid

OLD, KEYS = Keyring({"old": b"o" * 32}), Keyring({"new": b"n" * 32, "old": b"o" * 32})
SAID = "Ask Anna  Ernst-Müller, (030) 123-45 67 or +49 30 1234567, Customer-77, ANNA.ernst@example.org; Anna knows"
REDACTED = "Ask [erased], (030) 123-45 67 or [erased], [erased], [erased]; Anna knows"
HERS = [
    "anna.ernst@example.org",
    "Anna Ernst-Mu\u0308ller",
    "+49 (30) 123-4567",
    "customer-77",
    "\uff21nna Ernst-MÜLLER",
]
NO_NEEDLES = ["Anna", "customer-778", "1234567", "49301234567890", "ernst", "-", " ", "ß", "_", "\u0301", "\n"]


@pytest.fixture
def annas(tmp_path: Path) -> AnnasLake:
    """A lake from which Anna was erased, mentions and all, with a key that is not the newest."""
    annas = AnnasLake(tmp_path / "lake")
    until = datetime.now(UTC) + timedelta(days=30)
    entries = [*entries_for(subject(), OLD, batch="b", until=until), *mention_entries(subject(), OLD, batch="b")]
    append(annas.lake, entries)
    return annas


def test_a_message_that_comes_again_is_redacted_again(annas: AnnasLake) -> None:
    """In her groups, in text and content alike; conversations that she was never in are left alone."""
    for name in ("group", "bens"):
        content = {"type": "text", "text": SAID}
        _export(annas, name, message(f"said in {name}", "ben", content=content))
    found = {row["message_id"]: row for row in annas.rows("messages").to_pylist()}
    assert found[oid("said in group")]["text"] == REDACTED
    assert json.loads(found[oid("said in group")]["content"])["text"] == REDACTED
    assert found[oid("said in bens")]["text"] == SAID


def test_what_a_restore_brings_is_redacted_by_the_next_compaction(annas: AnnasLake) -> None:
    """The rows enter without the gate, as files of a backup do."""
    for number in range(2):
        annas.commit(annas.talk("group", message(f"said {number}", "ben", content={"type": "text", "text": SAID})))
    assert SAID in annas.rows("messages")["text"].to_pylist()
    compact_app(annas.lake, annas.ledger, APP, admission=Gate(annas.lake, APP, keys=lambda: KEYS))
    assert set(annas.rows("messages")["text"].to_pylist()) == {REDACTED}


def test_the_list_names_nobody(annas: AnnasLake) -> None:
    """Neither the mentions nor the groups can be read in it."""
    data = (annas.lake.private / "privacy" / "suppressions.jsonl").read_text().casefold()
    for value in ("anna", "ernst", "1234567", "customer", "example", oid("group")):
        assert value not in data


@settings(max_examples=150)
@given(st.lists(st.sampled_from([*HERS, *NO_NEEDLES, "a", "7", ", ", "(", ".", "/", "+"]), max_size=12))
def test_macs_find_what_the_names_themselves_find(parts: Sequence[str]) -> None:
    """A text is redacted alike by who knows her and by who has nothing but MACs, and twice is as once."""
    text = "".join(parts)
    assert _macs(subject()).redact(text) == (once := Mentions([subject()]).redact(text))
    assert _macs(subject()).redact(once) == once


@pytest.mark.parametrize("mention", HERS)
def test_every_form_is_found(mention: str) -> None:
    """Whatever the case, the Unicode form and the grouping of digits."""
    assert _macs(subject()).redact(f"<{mention}>") == "<[erased]>"


def _macs(person: Subject) -> SuppressedMentions:
    entries: list[Entry] = mention_entries(person, KEYS, batch="b")
    found = SuppressedMentions.of(entries, Suppressed(entries, KEYS, app_id=APP))
    assert found is not None
    return found


def _export(annas: AnnasLake, name: str, *said: dict[str, object]) -> None:
    gate = Gate(annas.lake, APP, keys=lambda: KEYS)
    batch = Batch(annas.lake, annas.ledger, app_id=APP, run_id="run", dropped=Dropped(), admission=gate)
    batch.add(annas.talk(name, *said))
    batch.commit()
