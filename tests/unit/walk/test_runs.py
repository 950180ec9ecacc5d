"""The record of runs: what a run has to look at, and how a run that was cut is continued."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipeline.walk import ledger as tables
from pipeline.walk.ledger import Ledger, open_ledger
from pipeline.walk.roster import Pending, State
from pipeline.walk.runs import RESUME_WITHIN_SECONDS, beat, begin_run, end_run, salt

APP = "app"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger with a user of each state, none of whom waits."""
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    rows = [
        {"app_id": app, "user_id": state, "found_by": "seed", "state": state, "pending": 0}
        for state in State
        for app in (APP, "other")
    ]
    with ledger.write() as connection:
        ledger.upsert(connection, tables.users, rows)
    yield ledger
    ledger.close()


def test_an_export_asks_every_user_who_is_not_gone(ledger: Ledger) -> None:
    """Those who are gone or merged are left alone, and so is another app."""
    begin_run(ledger, APP, "export")
    assert _waiting(ledger, Pending.VISIT) == {"known", "done", "forbidden", "failed"}
    assert _waiting(ledger, Pending.VISIT, app_id="other") == set()


def test_a_sweep_asks_everyone_but_the_merged(ledger: Ledger) -> None:
    """Who was gone may be back."""
    begin_run(ledger, APP, "sweep")
    assert _waiting(ledger, Pending.SWEEP) == {"known", "done", "gone", "forbidden", "failed"}


@pytest.mark.parametrize("state", ["running", "partial", "interrupted", "failed"])
def test_a_run_that_was_cut_is_continued(ledger: Ledger, state: str) -> None:
    """What it had finished is not asked again; what had failed is."""
    _run_that_ended(ledger, state)
    begin_run(ledger, APP, "export")
    assert _waiting(ledger, Pending.VISIT) == {"forbidden", "failed"}


def test_a_run_that_died_is_recorded_as_killed(ledger: Ledger) -> None:
    """Whoever takes the lock over knows that nobody runs."""
    dead = _run_that_ended(ledger, "running")
    begin_run(ledger, APP, "export")
    with ledger.read() as connection:
        assert connection.scalar(sa.select(tables.runs.c.state).where(tables.runs.c.run_id == dead)) == "killed"


def test_a_run_that_was_cut_long_ago_is_not_continued(ledger: Ledger) -> None:
    """After a day, everyone is due again."""
    _run_that_ended(ledger, "interrupted", ago=RESUME_WITHIN_SECONDS + 60)
    begin_run(ledger, APP, "export")
    assert _waiting(ledger, Pending.VISIT) == {"known", "done", "forbidden", "failed"}


def test_a_sweep_does_not_continue_an_export(ledger: Ledger) -> None:
    """A sweep after an export that was cut looks at everything."""
    _run_that_ended(ledger, "interrupted")
    begin_run(ledger, APP, "sweep")
    assert "done" in _waiting(ledger, Pending.SWEEP)


def test_ids_of_runs_sort_by_time_and_the_salt_stays(ledger: Ledger) -> None:
    """A later run has a greater id; the key of the tags is made once."""
    first = begin_run(ledger, APP, "export")
    time.sleep(0.002)
    assert first < begin_run(ledger, APP, "export")
    assert salt(ledger) == salt(ledger)
    assert len(salt(ledger)) == 32


def _run_that_ended(ledger: Ledger, state: str, *, ago: float = 0.0) -> str:
    run_id = begin_run(ledger, APP, "export")
    beat(ledger, run_id, {"users": 1})
    if state != "running":
        end_run(ledger, run_id, state, {}, message=None)  # type: ignore[arg-type]  # one of the states by parametrization
    past = {"updated_at": time.time() - ago, "started_at": time.time() - ago - 1}
    with ledger.write() as connection:
        connection.execute(tables.runs.update().where(tables.runs.c.run_id == run_id).values(**past))
        connection.execute(tables.users.update().values(pending=0))
    return run_id


def _waiting(ledger: Ledger, level: Pending, *, app_id: str = APP) -> set[str]:
    columns = tables.users.c
    with ledger.read() as connection:
        query = sa.select(columns.user_id).where(columns.app_id == app_id, columns.pending == int(level))
        return set(connection.scalars(query))
