"""The record of runs: when one begins, what it has to look at; when one was cut, what it left."""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa

from pipeline.walk import ledger as tables
from pipeline.walk.ledger import Ledger
from pipeline.walk.roster import Pending, State

RunKind = Literal["export", "sweep"]
RunState = Literal["running", "done", "partial", "interrupted", "failed", "killed"]

# A run that was cut is continued for so long; after that the users it had finished are due again.
RESUME_WITHIN_SECONDS = 24 * 3600
UNDONE = (State.FAILED, State.FORBIDDEN)


def begin_run(ledger: Ledger, app_id: str, kind: RunKind) -> str:
    """Record a new run and mark what it has to visit; returns its id. The caller holds the app's lock.

    A run that was cut less than a day ago is continued: what it finished is not visited again.
    """
    run_id = f"{time.time_ns() // 1_000_000:011x}{os.urandom(4).hex()}"
    now = time.time()
    runs = tables.runs
    with ledger.write() as connection:
        query = sa.select(runs).where(runs.c.app_id == app_id).order_by(runs.c.started_at.desc()).limit(1)
        last = connection.execute(query).first()
        # Whoever was running held the lock that the caller holds now.
        orphaned = sa.and_(runs.c.app_id == app_id, runs.c.state == "running")
        connection.execute(runs.update().where(orphaned).values(state="killed", ended_at=runs.c.updated_at))
        connection.execute(
            runs.insert().values(
                run_id=run_id,
                app_id=app_id,
                kind=kind,
                state="running",
                started_at=now,
                updated_at=now,
                holder=f"process {os.getpid()} on {socket.gethostname()}",
            )
        )
        resumes = (
            last is not None
            and last.state != "done"
            and now - last.updated_at < RESUME_WITHIN_SECONDS
            and kind in {"export", last.kind}
        )
        _mark(connection, app_id, kind, resumes=resumes)
    return run_id


def beat(ledger: Ledger, run_id: str, counters: dict[str, Any]) -> None:
    """Record how far a run is, for `sunlake status` in another process."""
    runs = tables.runs
    values = {"updated_at": time.time(), "counters": json.dumps(counters)}
    with ledger.write() as connection:
        connection.execute(runs.update().where(runs.c.run_id == run_id).values(**values))


def end_run(ledger: Ledger, run_id: str, state: RunState, counters: dict[str, Any], *, message: str | None) -> None:
    """Record how a run ended."""
    runs = tables.runs
    now = time.time()
    values = {
        "state": state,
        "updated_at": now,
        "ended_at": now,
        "counters": json.dumps(counters),
        "message": message,
    }
    with ledger.write() as connection:
        connection.execute(runs.update().where(runs.c.run_id == run_id).values(**values))


def complete_as_of(ledger: Ledger, app_id: str) -> datetime | None:
    """When the last run of an app that ended well began: what is newer may be missing. None if there was none."""
    runs = tables.runs.c
    query = sa.select(sa.func.max(runs.started_at)).where(runs.app_id == app_id, runs.state == "done")
    with ledger.read() as connection:
        began: float | None = connection.scalar(query)
    return None if began is None else datetime.fromtimestamp(began, UTC)


def salt(ledger: Ledger) -> bytes:
    """The ledger's own key for the tags of external ids and e-mails; made on first use."""
    with ledger.write() as connection:
        row = {"key": "salt", "value": secrets.token_hex(32)}
        ledger.insert_new(connection, tables.meta, [row])
        found: str = connection.scalars(sa.select(tables.meta.c.value).where(tables.meta.c.key == "salt")).one()
    return bytes.fromhex(found)


def _mark(connection: sa.Connection, app_id: str, kind: RunKind, *, resumes: bool) -> None:
    for table in (tables.users, tables.conversations):
        columns = table.c
        due: sa.ColumnElement[bool] = columns.state.in_(UNDONE)
        level = Pending.VISIT
        if not resumes and kind == "sweep":
            due, level = columns.state != State.MERGED, Pending.SWEEP
        elif not resumes:
            due = sa.or_(due, _is_due(table))
        statement = table.update().where(columns.app_id == app_id, columns.pending < level, due)
        connection.execute(statement.values(pending=int(level)))


def _is_due(table: sa.Table) -> sa.ColumnElement[bool]:
    """What an ordinary run asks about whatever it knows: each user, and each conversation that no user's list shows."""
    columns = table.c
    if table is tables.users:
        return columns.state.not_in((State.GONE, State.MERGED))
    hidden = sa.and_(columns.via_user_id.is_(None), columns.state != State.GONE)
    return sa.or_(hidden, sa.and_(columns.complete.is_(False), columns.state != State.GONE))
