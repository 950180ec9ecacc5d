"""What a sweep asks the lake at commit time: what is new, and what is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.lake import lookup
from pipeline.lake.commit import live_files
from pipeline.walk import ledger as tables
from pipeline.walk.ledger import Ledger
from tests.unit.lake.small_lakes import SmallLake, clients, gone, messages, users

RECEIVED = "2026-03-01T08:00:00.000Z"


@pytest.fixture
def small(tmp_path: Path) -> SmallLake:
    """An empty lake."""
    return SmallLake(tmp_path / "lake")


def _message(key: str, text: str = "hello") -> dict[str, Any]:
    return {"id": key, "received": RECEIVED, "content": {"type": "text", "text": text}}


def test_only_what_differs_is_written(small: SmallLake) -> None:
    """Of a history that is read again, the edited and the new messages are written."""
    small.commit(messages("talk", _message("a"), _message("b")))
    small.commit(messages("talk", _message("a"), _message("b", "edited"), _message("c"), at=10))
    assert [row["message_id"] for row in _rows(small, "messages")] == ["a", "b", "b", "c"]
    small.commit(messages("talk", _message("a"), _message("b", "edited"), _message("c"), at=20))
    assert len(_rows(small, "messages")) == 4


def test_what_was_buried_is_written_again_when_it_is_back(small: SmallLake) -> None:
    """The same bytes below a tombstone do not count as held."""
    small.commit(messages("talk", _message("a")))
    small.commit(gone("message", "a", at=10))
    small.commit(messages("talk", _message("a"), at=20))
    assert len(_rows(small, "messages")) == 2


def test_what_is_no_longer_listed_is_buried_once(small: SmallLake) -> None:
    """A client that a complete set lacks gets one tombstone, and none at the next look."""
    small.commit(clients("anna", "one", "two"))
    small.commit(clients("anna", present=["one"], at=10))
    small.commit(clients("anna", present=["one"], at=20))
    assert [(row["entity"], row["entity_id"]) for row in _rows(small, "tombstones")] == [("client", "two")]


def test_what_moved_to_another_parent_is_not_gone(small: SmallLake) -> None:
    """A client that another user shows, in the same commit or an earlier one, is alive."""
    small.commit(clients("anna", "one", "two"))
    small.commit(clients("ben", "one", at=5))
    small.commit(clients("ben", "two", at=10), clients("anna", present=[], at=10))
    assert _rows(small, "tombstones") == []


def test_an_erasure_that_replaces_files_meanwhile_does_no_harm(
    small: SmallLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that vanishes between the ledger's list and the reading is not taken for damage."""
    small.commit(clients("anna", "one", "two"))
    small.commit(clients("ben", "three", at=5))
    listed, vanished = live_files, []

    def late(ledger: Ledger, app_id: str, table: str) -> list[str]:
        files = listed(ledger, app_id, table)
        if table == "clients" and not vanished:
            vanished.extend(files[-1:])
        elif vanished and small.lake.final(vanished[0]).exists():
            with ledger.write() as connection:
                connection.execute(tables.files.delete().where(tables.files.c.path == vanished[0]))
            small.lake.final(vanished[0]).unlink()
        return files

    monkeypatch.setattr(lookup, "live_files", late)
    small.commit(clients("anna", present=["one"], at=10))
    assert vanished
    assert [(row["entity"], row["entity_id"]) for row in _rows(small, "tombstones")] == [("client", "two")]


def test_a_step_that_asks_about_rows_of_its_own_commit_waits(small: SmallLake) -> None:
    """Two looks at the same parent do not go into one commit."""
    batch = small.batch()
    batch.add(clients("anna", "one"))
    assert batch.must_precede(clients("anna", present=[]))
    assert not batch.must_precede(clients("ben", present=[]))
    assert not batch.must_precede(users({"id": "anna"}))
    batch.discard()


def _rows(small: SmallLake, table: str) -> list[dict[str, Any]]:
    rows = [row for file in small.files() if table in file.parts for row in pq.ParquetFile(file).read().to_pylist()]
    return sorted(rows, key=lambda row: (row.get("message_id", ""), row["exported_at"]))
