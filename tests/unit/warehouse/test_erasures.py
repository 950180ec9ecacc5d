"""Batches of erasure as models show them, from a ledger of deeds that the erasure itself has written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.config import Settings
from pipeline.errors import CorruptLakeError
from pipeline.lake.layout import open_lake
from pipeline.privacy.deeds.deeds import Deeds
from pipeline.privacy.deeds.journal import BatchJournal
from pipeline.privacy.deeds.words import Event, Status, Step
from pipeline.warehouse.build import build
from pipeline.warehouse.deed_facts import read_erasure_batches
from tests.unit.warehouse.lakes import LakeFiles, message

KEY = b"k" * 32
FIRST, SECOND, THIRD = (f"b{number:019x}" for number in (1, 2, 3))


@pytest.fixture
def lake(tmp_path: Path) -> LakeFiles:
    """A lake with a message."""
    files = LakeFiles(tmp_path / "lake")
    files.add("messages", message("m1"))
    return files


def _erase(lake: LakeFiles, batch: str, *, erased: int, warehouse: int, status: Status | None) -> None:
    """Write the deeds of a batch as `apply` does: two files, a scan, and an end unless it was cut."""
    deeds = Deeds.open(open_lake(lake.root, create=False), key=KEY)
    journal = BatchJournal(deeds, batch)
    deeds.append(batch, Event.CONFIRM, counts={"subjects": erased + 1})
    journal.begin(Step.LAKE, subjects=erased)
    for removed in (3, 4):
        sizes = {"bytes_before": 100, "bytes_after": 60}
        journal.end(Step.REWRITE, None, Status.DONE, files=1, rows=9, removed=removed, changed=1, **sizes)
    journal.end(Step.REWRITE, None, Status.ALREADY)
    journal.end(Step.DERIVED, None, Status.DONE, files=1, warehouse=warehouse, report=0)
    if status is not None:
        journal.end(Step.REBUILD, None, Status.DONE, models=5)
        journal.end(Step.SCAN, None, Status.CLEAN, files=1, bytes=1, hits=0)
        deeds.append(batch, Event.CLOSE, status=status)


def _marts(lake: LakeFiles) -> list[dict[str, Any]]:
    build(Settings(lake=str(lake.root)))
    columns = "batch_id, state, count_subjects, count_erased, count_files_rewritten, count_rows_removed, "
    columns += "count_rows_changed, bytes_before, bytes_after, scan_verdict, closed_at is null, rebuilt_at is null"
    names = [*(name.strip() for name in columns.split(",")[:10]), "is_open", "is_not_rebuilt"]
    rows = lake.ask(f"select {columns} from marts.dim_erasures order by batch_id")
    return [dict(zip(names, row, strict=True)) for row in rows]


def test_batches_and_who_was_erased_since_the_first_build(lake: LakeFiles) -> None:
    """Counts of files add up; people count once their batch is complete, if a build went before it."""
    _erase(lake, FIRST, erased=5, warehouse=0, status=Status.COMPLETE)
    _erase(lake, SECOND, erased=2, warehouse=1, status=Status.COMPLETE)
    _erase(lake, THIRD, erased=7, warehouse=1, status=None)
    first, second, third = _marts(lake)
    assert second == {
        "batch_id": SECOND,
        "state": "complete",
        "count_subjects": 3,
        "count_erased": 2,
        "count_files_rewritten": 2,
        "count_rows_removed": 7,
        "count_rows_changed": 2,
        "bytes_before": 200,
        "bytes_after": 120,
        "scan_verdict": "clean",
        "is_open": False,
        "is_not_rebuilt": False,
    }
    assert (first["batch_id"], first["count_erased"]) == (FIRST, 5)
    assert (third["state"], third["scan_verdict"], third["is_open"], third["is_not_rebuilt"]) == (
        "open",
        None,
        True,
        True,
    )
    assert lake.ask("select n_erased_since_first_build from meta.build") == [(2,)]


def test_where_nothing_was_erased_the_mart_is_empty(lake: LakeFiles) -> None:
    """It is there, without rows, and nobody counts as erased; a batch that was only planned is none."""
    assert _marts(lake) == []
    assert lake.ask("select n_erased_since_first_build from meta.build") == [(0,)]
    Deeds.open(open_lake(lake.root, create=False), key=KEY).append(FIRST, Event.PLAN, counts={"subjects": 1})
    assert _marts(lake) == []


def test_a_cut_line_does_not_count_and_a_damaged_one_is_named(lake: LakeFiles) -> None:
    """What a crash left at the end is passed over; anything else unreadable is an error that names the line."""
    _erase(lake, FIRST, erased=1, warehouse=1, status=Status.PARTIAL)
    opened = open_lake(lake.root, create=False)
    file = opened.private / "privacy" / "deeds.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"seq":')
    assert read_erasure_batches(opened)["state"].to_pylist() == ["partial"]
    file.write_bytes(b"torn\n" + whole)
    with pytest.raises(CorruptLakeError, match=r"deeds\.jsonl:1 is damaged"):
        read_erasure_batches(opened)
