"""From steps to commits: what is committed is whole, or it is not committed."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from pipeline.config import CommitSettings
from pipeline.errors import StorageError
from pipeline.lake import batch
from pipeline.lake.rows import RowError
from pipeline.lake.secrets import Dropped
from pipeline.lake.sink import Sink
from pipeline.lake.writer import ROW_GROUP_ROWS
from pipeline.walk import ledger as tables
from pipeline.walk.roster import ConversationState
from pipeline.walk.shelf import Snapshot
from pipeline.walk.step import MessagePage, Step
from tests.unit.lake.small_lakes import APP, BEGINNING, SmallLake

MANY = ROW_GROUP_ROWS + 1


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallLake:
    """An empty lake, for which each page is encoded at once."""
    monkeypatch.setattr(batch, "PAGES_PER_ENCODING", 1)
    return SmallLake(tmp_path / "lake")


def test_rows_are_written_while_more_arrive(small: SmallLake) -> None:
    """A row group that is full goes to staging before the commit, and none of its rows is lost or moved."""

    async def fill() -> None:
        sink = _sink(small)
        await sink.put(_page("long", MANY))
        assert any(small.lake.staging(APP).rglob("*.parquet"))
        await sink.put(_page("short", 2))
        await sink.close()

    asyncio.run(fill())
    ids = [key for file in small.files() for key in pq.read_table(file)["message_id"].to_pylist()]
    assert ids == [*(f"long-{number}" for number in range(MANY)), "short-0", "short-1"]
    assert _checkpoints(small) == {"long", "short"}


def test_no_checkpoint_outlives_a_step_that_failed(small: SmallLake) -> None:
    """An answer that no row can be made of ends the run, and what shares its commit waits for the next run."""

    async def fill() -> None:
        sink = _sink(small)
        await sink.put(_page("good", 2))
        with pytest.raises(RowError):
            await sink.put(_page("bad", 2, body=b'{"messages":[{"id":"a"},{}]}'))
        with pytest.raises(RowError):
            await sink.put(_page("late", 2))
        with pytest.raises(RowError):
            await sink.close()

    asyncio.run(fill())
    assert _checkpoints(small) == set()
    assert small.files() == []


def test_no_checkpoint_outlives_rows_that_were_not_written(small: SmallLake) -> None:
    """A disk that refuses one row group and takes the next does not make a commit with a hole in it."""

    async def fill() -> None:
        sink = _sink(small)
        small.lake.staging(APP).parent.mkdir(parents=True)
        small.lake.staging(APP).write_text("a file where the folder should be")
        with pytest.raises(StorageError):
            await sink.put(_page("long", MANY))
        small.lake.staging(APP).unlink()
        with pytest.raises(StorageError):
            await sink.close()

    asyncio.run(fill())
    assert _checkpoints(small) == set()
    assert small.files() == []


def test_a_young_run_commits_soon(small: SmallLake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed before it is as old as the policy's time between commits gets on all the same."""
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    waits = []

    async def fill() -> None:
        nonlocal now
        sink = _sink(small)
        for number in range(6):
            await sink.put(_page(f"{number}-begun", 1))
            begun = now
            while len(small.files()) == number:
                now += 5.0
                await sink.put(_page(f"{number}-{now}", 0))
                await sink._settled()
            waits.append(now - begun)
        await sink.close()

    asyncio.run(fill())
    assert waits == [60.0, 120.0, 240.0, 480.0, 600.0, 600.0]


def _sink(small: SmallLake) -> Sink:
    return Sink(
        small.lake,
        small.ledger,
        app_id=APP,
        run_id="run",
        policy=CommitSettings(seconds=600),
        dropped=Dropped(),
        on_commit=lambda steps: None,
    )


def _page(conversation_id: str, count: int, *, body: bytes | None = None) -> Step:
    """One answer of a conversation, with the checkpoint that it covers."""
    listed = [{"id": f"{conversation_id}-{number}", "received": "2026-03-01T08:00:00.000Z"} for number in range(count)]
    text = msgspec.json.encode({"messages": listed}) if body is None else body
    return Step(
        pages=[MessagePage(text, conversation_id, BEGINNING, count)],
        conversations=[Snapshot(ConversationState(APP, conversation_id), 1)],
    )


def _checkpoints(small: SmallLake) -> set[str]:
    with small.ledger.read() as connection:
        return set(connection.scalars(sa.select(tables.conversations.c.conversation_id)))
