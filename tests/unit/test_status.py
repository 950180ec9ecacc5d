"""What `sunlake status` is made of."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pipeline.lake.lock import writer_lock
from pipeline.status import read_status
from pipeline.walk import ledger as tables
from pipeline.walk.roster import ConversationState, State, UserState
from pipeline.walk.runs import beat, begin_run, end_run
from tests.unit.lake.small_lakes import APP, SmallLake, users


def test_an_app_that_never_ran_is_shown_empty(tmp_path: Path) -> None:
    """Configured apps are there from the beginning."""
    small = SmallLake(tmp_path / "lake")
    (status,) = read_status(small.lake, small.ledger, [APP])
    assert (status.app_id, status.writer, status.runs, status.files) == (APP, None, [], [])
    assert status.coverage.users.known == 0


def test_runs_files_failures_and_the_writer_are_shown(tmp_path: Path) -> None:
    """While a run is going on its rate and the time left follow from what it has done and what waits."""
    small = SmallLake(tmp_path / "lake")
    small.commit(users({"id": "a"}, {"id": "b"}))
    _know(small)
    end_run(small.ledger, begin_run(small.ledger, APP, "export"), "failed", {}, message="why")
    run_id = begin_run(small.ledger, APP, "sweep")
    beat(small.ledger, run_id, {"users": 2, "conversations": 1, "messages": 9, "calls": {"calls": 12, "throttled": 1}})
    with writer_lock(small.lake, APP, what="sweep"):
        (status,) = read_status(small.lake, small.ledger, [])
    assert status.writer is not None
    assert status.writer.what == "sweep"
    running, failed = status.runs
    assert (running.kind, running.state, running.messages, running.calls) == ("sweep", "running", 9, 12)
    assert running.remaining_seconds is not None
    assert (failed.state, failed.message) == ("failed", "why")
    assert [(file.table, file.files, file.rows) for file in status.files] == [("users", 1, 2)]
    assert [(failure.what, failure.count, failure.error) for failure in status.failures] == [("users", 2, "502")]
    assert status.unfinished == 1, "a conversation that is gone has no history to be read"
    assert status.unpublished_commits == 0


def _know(small: SmallLake) -> None:
    people = [UserState(APP, name, state=State.FAILED, error="502") for name in ("a", "b")]
    talks = [ConversationState(APP, "x"), ConversationState(APP, "y", state=State.GONE, pending=0)]
    with small.ledger.write() as connection:
        small.ledger.upsert(connection, tables.users, [dataclasses.asdict(state) for state in people])
        small.ledger.upsert(connection, tables.conversations, [dataclasses.asdict(state) for state in talks])
