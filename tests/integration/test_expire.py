"""Retention on lakes that were exported from the sandbox, with a rewrite engine as simple as can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.lake.batch import Batch
from pipeline.lake.commit import live_files
from pipeline.lake.layout import Lake, open_lake
from pipeline.lake.secrets import Dropped
from pipeline.lake.writer import parquet_writer
from pipeline.privacy.retention.expire import ExpiryPreview, Rewrite, expire, preview_expiry
from pipeline.privacy.retention.expiring import Fate, Retention
from pipeline.suppression.expiry import EXPIRING, Expiry, Selection
from pipeline.suppression.floors import read_floor
from pipeline.walk.ledger import Ledger
from pipeline.walk.step import Step, Tombstone
from tests.integration.conftest import Serve
from tests.integration.export_bench import Bench
from tests.integration.lake_truth import assert_same_as_world, raw_rows
from tests.integration.small_worlds import BEGINNING, SmallWorld, message, oid

DAY = timedelta(days=1)
BEFORE = BEGINNING + 10 * DAY
NOTHING_BURIED = Retention(users=Fate.KEPT, conversations=Fate.KEPT)


class Killed(Exception):  # noqa: N818 - it is no error, it ends a run
    """The run ends here."""


def engine(*, files: int = 1_000) -> Rewrite:
    """A rewrite that dies before it has rewritten more than so many files."""

    def rewrite(
        lake: Lake,
        ledger: Ledger,
        app_id: str,
        selection: Selection,
        *,
        on_file: Callable[[Any], None] | None = None,
    ) -> Sequence[Any]:
        done: list[str] = []
        expiry = Expiry(selection)
        for table in EXPIRING:
            for path in live_files(ledger, app_id, table.name):
                file = lake.final(path)
                expired = expiry.apply(table, pq.ParquetFile(file).read())
                if not expired.removed and not expired.changed:
                    continue
                if len(done) == files:
                    raise Killed
                part = file.with_suffix(".part")
                with parquet_writer(part, table) as writer:
                    writer.write_table(expired.rows)
                part.replace(file)
                done.append(path)
                if on_file is not None:
                    on_file(path)
        return done

    return rewrite


@pytest.fixture
def world() -> SmallWorld:
    """One old conversation, one that reaches over the moment, and a young one."""
    world = SmallWorld("ages").user("ann").user("bob")
    world.conversation("old", ["ann"], messages=3)
    world.conversation("silent", ["ann"], messages=0)
    world.conversation("long", ["ann", "bob"], messages=20, every=DAY)
    return world.conversation("young", ["bob"], messages=2, begin=BEFORE + DAY)


def test_a_preview_counts_what_goes_and_changes_nothing(serve: Serve, world: SmallWorld) -> None:
    """Messages by their age, conversations with their participants by their last activity."""
    bench = serve(world)
    bench.export()
    before = _snapshot(bench)
    preview = _preview(bench)
    assert {name: count.rows for name, count in preview.tables.items() if count.rows} == {
        "conversations": 2,
        "participants": 2,
        "messages": 3 + 10,
    }
    assert (preview.rows, preview.conversations, preview.undated) == (17, 2, 0)
    assert _snapshot(bench) == before
    assert oid("old") not in repr(preview)


def test_what_expired_is_gone_and_the_next_exports_do_not_bring_it_back(serve: Serve, world: SmallWorld) -> None:
    """Nothing is asked for again, message by message or otherwise; a second expiry finds nothing to do."""
    bench = serve(world)
    bench.export()
    assert _expire(bench)
    after = _snapshot(bench)
    assert after["conversations"] == {oid("long"), oid("young")}
    assert oid("long#9") not in after["messages"]
    assert {oid("long#10"), oid("young#0")} < after["messages"]
    assert {row["conversation_id"] for row in _rows(bench, "participants")} == {oid("long"), oid("young")}
    with _ledger(bench) as ledger:
        assert read_floor(_lake(bench), bench.app_id) == BEFORE
        assert (
            expire(_lake(bench), ledger, bench.app_id, before=BEFORE, retention=NOTHING_BURIED, rewrite=engine()) == []
        )
    assert _preview(bench).rows == 0
    assert bench.export().counters.messages == 0
    assert _snapshot(bench) == after


def test_an_expired_conversation_that_comes_back_to_life_is_exported_from_there(
    serve: Serve, world: SmallWorld
) -> None:
    """Its head row, its participants and the new message are there; the expired messages are not."""
    bench = serve(world)
    bench.export()
    _expire(bench)
    said = message("again", BEFORE + DAY, author="ann", text="again")
    bench.sandbox.change({"op": "add_messages", "conversation_id": oid("old"), "messages": [said]})
    bench.export()
    texts = [row["text"] for row in _rows(bench, "messages") if row["conversation_id"] == oid("old")]
    assert texts == ["again"]
    assert oid("old") in {row["conversation_id"] for row in _rows(bench, "conversations")}
    assert oid("old") in {row["conversation_id"] for row in _rows(bench, "participants")}


@pytest.mark.parametrize("files", [0, 1, 2])
def test_an_expiry_that_was_cut_is_carried_to_its_end(serve: Serve, world: SmallWorld, files: int) -> None:
    """Wherever it was cut, and whether an export ran in between, repeating it leads to the same lake."""
    bench = serve(world)
    bench.export()
    with pytest.raises(Killed):
        _expire(bench, files=files)
    bench.export()
    _expire(bench)
    assert _snapshot(bench)["conversations"] == {oid("long"), oid("young")}
    assert {row["conversation_id"] for row in _rows(bench, "participants")} == {oid("long"), oid("young")}
    assert len(_snapshot(bench)["messages"]) == 12
    assert _preview(bench).rows == 0


def test_what_upstream_no_longer_has_goes_by_the_policy(serve: Serve) -> None:
    """By default users, conversations and deleted messages that are gone leave the files, with their tombstones."""
    world = SmallWorld("gone").user("ann", clients=["phone"]).user("bob").conversation("a", ["ann"], messages=2)
    bench = serve(world.conversation("b", ["bob"], messages=3))
    bench.export()
    bench.sandbox.change(
        {"op": "delete_user", "user_id": oid("ann")},
        {"op": "delete_message", "conversation_id": oid("b"), "message_id": oid("b#1")},
    )
    bench.sweep()
    assert_same_as_world(bench.lake, bench.sandbox)
    with _ledger(bench) as ledger:
        kept = preview_expiry(_lake(bench), ledger, bench.app_id, before=None, retention=NOTHING_BURIED)
        assert kept.rows == 0
        expire(_lake(bench), ledger, bench.app_id, before=None, retention=Retention(), rewrite=engine())
    assert {row["user_id"] for table in ("users", "clients") for row in _rows(bench, table)} == {oid("bob")}
    assert _snapshot(bench)["messages"] == {oid("b#0"), oid("b#2")}
    assert read_floor(_lake(bench), bench.app_id) is None
    bench.sweep()
    assert_same_as_world(bench.lake, bench.sandbox)
    assert _preview(bench, Retention(), before=None).rows == 0


def test_messages_of_upstreams_retention_stay_unless_told_otherwise(serve: Serve) -> None:
    """The lake may outlive upstream's retention; a setting makes it follow."""
    bench = serve(SmallWorld("retention").user("ann").conversation("a", ["ann"], messages=3))
    bench.export()
    rows = [{"entity": "message", "entity_id": oid("a#0"), "reason": "retention"}]
    _bury(bench, rows)
    assert _preview(bench, Retention(), before=None).rows == 0
    follow = _preview(bench, Retention(messages=Fate.ERASED), before=None)
    assert {name: count.rows for name, count in follow.tables.items() if count.rows} == {"messages": 1, "tombstones": 1}


def _bury(bench: Bench, rows: list[dict[str, Any]]) -> None:
    with _ledger(bench) as ledger:
        batch = Batch(_lake(bench), ledger, app_id=bench.app_id, run_id="run", dropped=Dropped())
        stones = [Tombstone(row["entity"], row["entity_id"], datetime.now(UTC), row["reason"]) for row in rows]
        batch.add(Step(tombstones=stones))
        batch.commit()


def _preview(bench: Bench, retention: Retention = NOTHING_BURIED, *, before: Any = BEFORE) -> ExpiryPreview:
    with _ledger(bench) as ledger:
        return preview_expiry(_lake(bench), ledger, bench.app_id, before=before, retention=retention)


def _expire(bench: Bench, *, files: int = 1_000) -> Sequence[Any]:
    with _ledger(bench) as ledger:
        return expire(
            _lake(bench), ledger, bench.app_id, before=BEFORE, retention=NOTHING_BURIED, rewrite=engine(files=files)
        )


def _snapshot(bench: Bench) -> dict[str, set[str]]:
    return {
        "conversations": {row["conversation_id"] for row in _rows(bench, "conversations")},
        "messages": {row["message_id"] for row in _rows(bench, "messages")},
    }


def _rows(bench: Bench, table: str) -> Iterator[dict[str, Any]]:
    return raw_rows(bench.lake, table, app_id=bench.app_id)


def _lake(bench: Bench) -> Lake:
    return open_lake(bench.lake, create=False)


class _ledger:  # noqa: N801 - used like a function
    """The ledger, closed afterwards."""

    def __init__(self, bench: Bench) -> None:
        self._ledger = bench.ledger()

    def __enter__(self) -> Ledger:
        return self._ledger

    def __exit__(self, *_: object) -> None:
        self._ledger.close()
