"""Mentions of a person in the rows of others, in every table that a lake may hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.config import Settings
from pipeline.lake.rows import encode
from pipeline.lake.tables import TABLES
from pipeline.privacy.deeds.journal import BatchJournal
from pipeline.privacy.desk import Desk, open_desk
from pipeline.privacy.keeping_out import keep_out
from pipeline.privacy.people.lake_view import open_view
from pipeline.privacy.people.mentioning import Mentioning, mentioning_rows, with_mentions
from pipeline.privacy.plan.hits import find_hits
from pipeline.privacy.plan.mention_counts import count_mentions
from pipeline.privacy.policies import lake_policy
from pipeline.privacy.rewrite.whole_batch import erase_lake
from pipeline.privacy_settings import PrivacySettings
from pipeline.suppression.gate import open_gate
from pipeline.suppression.keys import new_key_text
from pipeline.suppression.subjects import Subject
from pipeline.walk.step import Step
from tests.unit.privacy.erased_lakes import APP, AnnasLake, rows, subject
from tests.unit.suppression.people import NOW, message, oid

BATCH = "b" + "0" * 19
EMAIL = "ANNA.ernst@example.org"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The desk of a lake in which Ben, an app and events mention Anna."""
    for name in ("SUNLAKE_PRIVACY_KEY", "SUNLAKE_DEEDS_KEY"):
        monkeypatch.setenv(name, new_key_text())
    annas = AnnasLake(tmp_path / "lake")
    annas.fill()
    annas.commit(annas.talk("bens", message("ben speaks of her", "ben", content={"type": "text", "text": EMAIL})))
    annas.commit(Step(rows=others_rows()))
    annas.ledger.close()
    settings = Settings(lake=str(annas.lake.root), privacy=PrivacySettings(mentions="redact"))
    with open_desk(settings) as opened:
        yield opened


def others_rows() -> list[Any]:
    """Rows of others that mention Anna, and a user whose external id does."""
    told = {"conversation": {"id": oid("bens")}, "message": {"text": f"write to {EMAIL}"}}
    events = [
        {"id": oid("told"), "type": "conversation:message", "createdAt": "2026-03-01T10:00:00.000Z", "payload": told},
        {"id": oid("bare"), "type": "other", "createdAt": "2026-03-01T10:00:00.000Z", "payload": {"n": [49301234567]}},
    ]
    return [
        rows("users", [{"id": oid("cem"), "externalId": f"friend of {EMAIL}", "metadata": {"of": "customer-77"}}]),
        rows("clients", [{"id": oid("cem's client"), "displayName": "Anna Ernst-Müller"}], user_id=oid("cem")),
        rows("switchboards", [{"id": oid("board"), "enabled": True, "owner": EMAIL}]),
        rows("events", events, webhook_id=oid("hook")),
    ]


def found(desk: Desk, people: list[Subject]) -> dict[str, list[Mentioning]]:
    """The rows that mention people, by table."""
    by_table: dict[str, list[Mentioning]] = {}
    with open_view(desk.lake, desk.ledger, APP) as view:
        for row in mentioning_rows(view, people):
            by_table.setdefault(row.table, []).append(row)
    return by_table


def test_a_plan_counts_the_rows_of_all_tables_that_stay(desk: Desk) -> None:
    """Each row once, however often it names her; not those that go."""
    with open_view(desk.lake, desk.ledger, APP) as view:
        find_hits(view, [subject()])
        counts = count_mentions(view, [subject()])
    assert counts == {0: 6}


def test_all_mentions_go_but_for_what_identifies_somebody_else(desk: Desk) -> None:
    """Events, a user's metadata, fields nobody knows: all is rewritten; another's external id stays, and is told."""
    before = found(desk, [subject()])
    assert {table: len(told) for table, told in before.items()} == {
        "switchboards": 1,
        "users": 1,
        "clients": 1,
        "messages": 1,
        "events": 2,
    }
    (known,) = people = with_mentions(desk, [subject()])
    assert known.mentioning_ids == {oid(name) for name in ("cem", "board", "bens", "bare")}
    keep_out(desk, people, batch=BATCH)
    erase_lake(desk, people, journal=BatchJournal(desk.deeds, BATCH), policy=lake_policy(desk, people), wait_seconds=5)
    (left,) = found(desk, people).pop("users")
    assert left.is_kept
    assert found(desk, people).keys() == {"users"}
    payloads = [row["payload"] for row in _rows(desk, "events")]
    assert [json.loads(payload) for payload in payloads if payload is not None] == [
        {"conversation": {"id": oid("bens")}, "message": {"text": "write to [erased]"}},
        {"n": ["[erased]"]},
    ]


def test_what_comes_again_is_redacted_again(desk: Desk) -> None:
    """The gate knows the places in every table; elsewhere it changes nothing."""
    people = with_mentions(desk, [subject()])
    keep_out(desk, people, batch=BATCH)
    gate = open_gate(desk.lake, APP, desk.settings)
    for given in others_rows():
        table = TABLES[given.table]
        encoded = encode(table, given.items, parents=given.parents, exported_at=NOW, run_id="run")
        text = str(gate.admit(table, encoded).drop_columns(["external_id"] * (given.table == "users")).to_pylist())
        for hers in ("anna.ernst", "ernst-m", "customer-77", "49301234567"):
            assert hers not in text.casefold(), given.table
    other = rows("users", [{"id": oid("dora"), "metadata": {"of": EMAIL}}])
    encoded = encode(TABLES["users"], other.items, parents={}, exported_at=NOW, run_id="run")
    assert gate.admit(TABLES["users"], encoded).equals(encoded)


def _rows(desk: Desk, table: str) -> list[dict[str, Any]]:
    paths = sorted(desk.lake.root.glob(f"{table}/**/*.parquet"))
    return [row for path in paths for row in pq.ParquetFile(path).read().to_pylist()]
