"""The retention floor at compaction: what the lake has of a living conversation stays."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.lake import compact as compact_module
from pipeline.lake.compact import compact_app
from pipeline.suppression.floors import raise_floor
from pipeline.suppression.gate import Gate
from pipeline.suppression.keys import Keyring
from pipeline.walk.step import Step
from tests.unit.privacy.erased_lakes import APP, AnnasLake, rows
from tests.unit.suppression.people import message, oid

FLOOR = datetime(2026, 4, 1, tzinfo=UTC)
OLD, YOUNG = "2026-03-01T10:00:00.000Z", "2026-04-02T10:00:00.000Z"


@pytest.fixture
def annas(tmp_path: Path) -> AnnasLake:
    """A conversation that was listed when all of it was old, in which something was said since, and another."""
    annas = AnnasLake(tmp_path / "lake")
    for name, said in (("living", YOUNG), ("other", YOUNG), ("living", OLD)):
        head = {"id": oid(name), "createdAt": OLD, "lastUpdatedAt": OLD}
        where = {"conversation_id": oid(name)}
        words = [message(f"{name} {said}", "ben", received=said)]
        annas.commit(Step(rows=[rows("conversations", [head]), rows("messages", words, **where)]))
    return annas


def test_compaction_keeps_a_conversation_that_younger_messages_keep_alive(annas: AnnasLake) -> None:
    """Its row knows nothing of them until the next list, and must be there until then; expired messages go."""
    raise_floor(annas.lake, APP, FLOOR)
    _compact(annas)
    assert _talks(annas) == {oid("living"), oid("other")}
    assert set(annas.rows("messages")["message_id"].to_pylist()) == {oid(f"{name} {YOUNG}") for name in _NAMES}


def test_a_floor_that_rises_while_files_are_merged_takes_no_conversation(
    annas: AnnasLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is looked through again before it is published is so by the rule of compaction."""
    gate = Gate(annas.lake, APP, keys=_no_keys)
    commit = compact_module.commit

    def late(*arguments: Any, **options: Any) -> None:
        raise_floor(annas.lake, APP, FLOOR)
        commit(*arguments, **options)

    monkeypatch.setattr(compact_module, "commit", late)
    _compact(annas, gate)
    assert _talks(annas) == {oid("living"), oid("other")}
    assert oid(f"living {OLD}") not in annas.rows("messages")["message_id"].to_pylist()


_NAMES = ("living", "other")


def _compact(annas: AnnasLake, gate: Gate | None = None) -> None:
    admission = gate or Gate(annas.lake, APP, keys=_no_keys)
    compact_app(annas.lake, annas.ledger, APP, admission=admission, min_files=1)


def _talks(annas: AnnasLake) -> set[str]:
    return set(annas.rows("conversations")["conversation_id"].to_pylist())


def _no_keys() -> Keyring:
    raise AssertionError("there are no suppressions, so no key is needed")
