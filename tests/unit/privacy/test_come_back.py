"""Who is back: exactly where the gate would not let the rows in as they are, whatever part of a backup was restored."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import Settings
from pipeline.lake.layout import open_lake
from pipeline.lake.tables import TABLES
from pipeline.privacy.back.come_back import Back, come_back
from pipeline.privacy.deeds.deeds import Deeds
from pipeline.privacy.desk import Desk
from pipeline.privacy.rewrite.rewrite import rewrite_lake
from pipeline.privacy.rewrite.state import purge_state
from pipeline.privacy_settings import PrivacySettings
from pipeline.suppression.keys import Keyring
from pipeline.suppression.listing import append, entries_for, load
from pipeline.suppression.mention_macs import SuppressedMentions, mention_entries
from pipeline.suppression.mentions import Mentions
from pipeline.suppression.redact import Policy, redact
from pipeline.suppression.subjects import Action, Subject
from pipeline.suppression.suppressed import Suppressed
from pipeline.walk.ledger import open_ledger
from pipeline.walk.step import Step
from tests.unit.privacy.erased_lakes import APP, AnnasLake, rows, subject
from tests.unit.suppression.people import message, oid, quote_of

KEYRING = Keyring({"k1": b"k" * 32})
FOR_EVER = datetime(2100, 1, 1, tzinfo=UTC)
Scope = Literal["whole", "authored"]


@dataclass(frozen=True)
class Erased:
    """A lake that Anna was erased from, or masked in, and the files of before that are others now, or gone."""

    root: Path
    before: dict[str, bytes]
    scope: Scope
    numbers: Iterator[int]

    def restored(self, names: Iterable[str]) -> Path:
        """A copy of the lake with files of before."""
        root = self.root.with_name(f"restored-{next(self.numbers)}")
        shutil.copytree(self.root, root)
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(self.before[name])
        return root


@pytest.fixture(scope="module", params=[("erase", "whole"), ("erase", "authored"), ("pii_only", "whole")], ids="-".join)
def erased(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Erased:
    """Anna's messages, what quotes and names her, her rows, each in files of their own."""
    action, scope = Action(request.param[0]), request.param[1]
    lake = AnnasLake(tmp_path_factory.mktemp("lakes") / "lake")
    lake.fill()
    lake.commit(lake.people("anna"))
    profile = {"givenName": "Anna", "surname": "Ernst", "email": "Anna.Ernst@example.org"}
    lake.commit(_user("anna", profile))
    lake.commit(_user("ben", {"givenName": "Ben"}))
    lake.commit(lake.talk("group", message("10", "ben", **quote_of(message("4", "anna")))))
    naming = message("11", "ben") | {"content": {"type": "text", "text": "Ask Anna.Ernst@example.org"}}
    lake.commit(lake.talk("group", naming))
    lake.commit(lake.talk("group", message("12", "ben")))
    before = lake.files()
    person = subject(action)
    entries = entries_for(person, KEYRING, batch="b1", until=FOR_EVER)
    if action is Action.ERASE:
        entries += mention_entries(person, KEYRING, batch="b1")
    append(lake.lake, entries)
    mentions = Mentions([person]) if action is Action.ERASE else None
    rewrite_lake(lake.lake, lake.ledger, APP, [person], policy=Policy(scope=scope, mentions=mentions))
    purge_state(lake.lake, lake.ledger, APP, [person], scope=scope)
    lake.ledger.close()
    after = lake.files()
    changed = {name: data for name, data in before.items() if after.get(name) != data}
    assert len(changed) >= 4
    return Erased(lake.lake.root, changed, scope, count())


@given(data=st.data())
@settings(max_examples=8)
def test_somebody_is_back_where_the_gate_would_change_a_row(erased: Erased, data: st.DataObject) -> None:
    """After any files of before came back, people are found just then, and by what is found they are erased again."""
    names = data.draw(st.sets(st.sampled_from(sorted(erased.before))))
    root = erased.restored(names)
    found = _come_back(root, erased.scope)
    assert bool(found.subjects) is _would_change(root, erased.scope)
    assert bool(names) is bool(found.subjects), "every file of before holds something"
    _erase_again(root, found)
    assert not _come_back(root, erased.scope).subjects
    assert not _would_change(root, erased.scope)
    shutil.rmtree(root)


def _user(name: str, profile: dict[str, Any]) -> Step:
    return Step(rows=[rows("users", [{"id": oid(name), "profile": profile}])])


def _come_back(root: Path, scope: Scope) -> Back:
    lake = open_lake(root, create=False)
    ledger = open_ledger(lake.default_ledger_url)
    try:
        chosen = Settings(lake=str(root), privacy=PrivacySettings(scope=scope))
        return come_back(Desk(chosen, lake, ledger, KEYRING, Deeds.open(lake, key=b"d" * 32)), APP)
    finally:
        ledger.close()


def _would_change(root: Path, scope: Scope) -> bool:
    entries = list(load(open_lake(root, create=False)).in_force(APP))
    matcher = Suppressed(entries, KEYRING, app_id=APP)
    policy = Policy(scope=scope, mentions=SuppressedMentions.of(entries, matcher))
    for name, table in TABLES.items():
        for path in root.glob(f"{name}/**/*.parquet"):
            result = redact(table, pq.ParquetFile(path).read(), matcher, policy=policy)
            if result.removed or result.changed:
                return True
    return False


def _erase_again(root: Path, found: Back) -> None:
    lake = open_lake(root, create=False)
    ledger = open_ledger(lake.default_ledger_url)
    subjects: tuple[Subject, ...] = found.subjects
    rewrite_lake(lake, ledger, APP, subjects, policy=found.policy)
    ledger.close()
