"""Conversations that only time changes: what they are known up to is moved on, and few are computed again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.config import Settings
from pipeline.lake.layout import open_lake
from pipeline.walk import ledger as ledger_tables
from pipeline.walk.ledger import open_ledger
from pipeline.warehouse.build import BuildSummary, build
from tests.unit.warehouse.lakes import APP, START, LakeFiles, at, talk

HOUR, DAY = 3_600, 86_400
# Who writes last decides how long a session stays open: a day after the business, a week after a user.
TALKS = {
    "answered": [(0, "user", "web"), (60, "business", "zd:agentWorkspace")],
    "asked": [(0, "user", "web"), (60, "business", "zd:agentWorkspace"), (120, "user", "web")],
}


@pytest.fixture
def lake(tmp_path: Path) -> LakeFiles:
    """A lake of two conversations and an empty one, whose newest run began two hours after the first message."""
    files = LakeFiles(tmp_path / "lake")
    for name, turns in TALKS.items():
        files.add("messages", *talk(name, turns))
    rows: list[dict[str, Any]] = [{"conversation_id": name, "created_at": START} for name in (*TALKS, "empty")]
    files.add("conversations", *rows)
    _run(files, 2 * HOUR)
    assert build(Settings(lake=str(files.root))).exit_code == 0
    return files


def _run(lake: LakeFiles, seconds: float) -> None:
    ledger = open_ledger(open_lake(lake.root, create=False).default_ledger_url)
    moment = START.timestamp() + seconds
    row = {"app_id": APP, "run_id": f"r{seconds}", "kind": "export", "state": "done", "counters": "{}"}
    with ledger.write() as connection:
        ledger.upsert(connection, ledger_tables.runs, [row | {"started_at": moment, "updated_at": moment}])
    ledger.close()


def _marts(root: Path) -> dict[str, bytes]:
    folder = root / "marts"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}


def _build(lake: LakeFiles) -> BuildSummary:
    """Build, and make sure that a full build over the same lake leaves the same bytes."""
    summary = build(Settings(lake=str(lake.root)))
    again = lake.root.with_name("again")
    shutil.rmtree(again, ignore_errors=True)
    shutil.copytree(lake.root, again, ignore=shutil.ignore_patterns("warehouse.duckdb", "marts"))
    build(Settings(lake=str(again)), full=True)
    assert _marts(lake.root) == _marts(again)
    return summary


def _known(lake: LakeFiles) -> dict[str, Any]:
    with duckdb.connect(str(lake.root / "_sunlake" / "warehouse.duckdb"), read_only=True) as connection:
        return dict(connection.execute("select conversation_id, as_of from marts.fct_conversations").fetchall())


def test_an_hour_later_nothing_is_computed(lake: LakeFiles) -> None:
    """A run that brings nothing moves on what each conversation is known up to, and computes none."""
    _run(lake, 3 * HOUR)
    assert _build(lake).conversations == 0
    assert set(_known(lake).values()) == {at(3 * HOUR).replace(tzinfo=None)}


def test_what_ends_is_computed(lake: LakeFiles) -> None:
    """Each silence that becomes too long has its conversation computed, to the millisecond, and only that one."""
    _run(lake, 60 + DAY)
    assert _build(lake).conversations == 0
    _run(lake, 60.001 + DAY)
    assert _build(lake).conversations == 1
    _run(lake, 120.01 + 7 * DAY)
    assert _build(lake).conversations == 2
    _run(lake, 30 * DAY)
    assert _build(lake).conversations == 0
    ends = {"answered": at(60.001 + 7 * DAY), "asked": at(120.001 + 7 * DAY), "empty": at(30 * DAY)}
    assert _known(lake) == {name: moment.replace(tzinfo=None) for name, moment in ends.items()}
