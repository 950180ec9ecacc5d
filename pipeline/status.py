"""What an operator asks at 3 a.m.: what is running, how far, how fast, until when, what failed and why."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from pipeline.lake.inventory import take_inventory
from pipeline.lake.layout import Lake
from pipeline.lake.lock import Holder, lock_holder
from pipeline.lake.repair import apps_of
from pipeline.walk import ledger as tables
from pipeline.walk.coverage import AppCoverage, app_coverage
from pipeline.walk.ledger import Ledger

RUNS_SHOWN = 5
ERRORS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class RunStatus:
    """One run. Times are ISO 8601 in UTC, seconds wall time; rates are averages over the run."""

    run_id: str
    kind: str
    state: str
    started_at: str
    ended_at: str | None
    seconds: float
    holder: str | None
    users: int
    conversations: int
    messages: int
    calls: int
    throttled: int
    calls_per_second: float
    remaining_seconds: float | None
    message: str | None


@dataclass(frozen=True, slots=True)
class TableFiles:
    """The files of one table. `rows` counts superseded versions, too."""

    table: str
    files: int
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why so many users or conversations could not be read."""

    what: str
    count: int
    error: str


@dataclass(frozen=True, slots=True)
class AppStatus:
    """Everything about one app.

    `unfinished` are conversations whose history was not yet read to its start; `unpublished_commits` those that the
    next start will publish. `difference` says that ledger and lake do not belong together.
    """

    app_id: str
    writer: Holder | None
    coverage: AppCoverage
    unfinished: int
    runs: list[RunStatus]
    files: list[TableFiles]
    failures: list[Failure]
    unpublished_commits: int
    difference: str | None


def read_status(lake: Lake, ledger: Ledger, configured: list[str]) -> list[AppStatus]:
    """The status of every app that is configured or in the lake. Takes no lock, and disturbs nobody who writes."""
    app_ids = list(dict.fromkeys([*configured, *apps_of(lake)]))
    return [_app_status(lake, ledger, app_id) for app_id in app_ids]


def _app_status(lake: Lake, ledger: Ledger, app_id: str) -> AppStatus:
    coverage = app_coverage(ledger, app_id)
    waiting = coverage.users.pending + coverage.conversations.pending
    writer = lock_holder(lake, app_id)
    with ledger.read() as connection:
        unpublished = _unpublished(connection, app_id)
        # While files come and go, a difference means nothing.
        is_still = writer is None and not unpublished
        return AppStatus(
            app_id=app_id,
            writer=writer,
            coverage=coverage,
            unfinished=coverage.conversations.known - coverage.complete_conversations - _gone(coverage),
            runs=_runs(connection, app_id, waiting),
            files=_files(connection, app_id),
            failures=_failures(connection, app_id),
            unpublished_commits=unpublished,
            difference=take_inventory(lake, ledger, app_id).difference if is_still else None,
        )


def _gone(coverage: AppCoverage) -> int:
    return coverage.conversations.by_state.get("gone", 0)


def _runs(connection: sa.Connection, app_id: str, waiting: int) -> list[RunStatus]:
    runs = tables.runs
    query = sa.select(runs).where(runs.c.app_id == app_id).order_by(runs.c.started_at.desc()).limit(RUNS_SHOWN)
    return [_run(row, waiting) for row in connection.execute(query)]


def _run(row: sa.Row[Any], waiting: int) -> RunStatus:
    counters = json.loads(row.counters)
    calls = counters.get("calls", {})
    seconds = max((row.ended_at or row.updated_at) - row.started_at, 0.001)
    done = counters.get("users", 0) + counters.get("conversations", 0)
    running = row.state == "running"
    return RunStatus(
        run_id=row.run_id,
        kind=row.kind,
        state=row.state,
        started_at=_iso(row.started_at),
        ended_at=None if row.ended_at is None else _iso(row.ended_at),
        seconds=round(time.time() - row.started_at if running else seconds, 1),
        holder=row.holder,
        users=counters.get("users", 0),
        conversations=counters.get("conversations", 0),
        messages=counters.get("messages", 0),
        calls=calls.get("calls", 0),
        throttled=calls.get("throttled", 0),
        calls_per_second=round(calls.get("calls", 0) / seconds, 1),
        remaining_seconds=round(waiting * seconds / done, 1) if running and done and waiting else None,
        message=row.message,
    )


def _files(connection: sa.Connection, app_id: str) -> list[TableFiles]:
    columns = tables.files.c
    query = (
        sa.select(columns.table_name, sa.func.count(), sa.func.sum(columns.rows), sa.func.sum(columns.bytes))
        .where(columns.app_id == app_id)
        .group_by(columns.table_name)
        .order_by(columns.table_name)
    )
    return [TableFiles(name, count, int(rows), int(size)) for name, count, rows, size in connection.execute(query)]


def _failures(connection: sa.Connection, app_id: str) -> list[Failure]:
    found = []
    for table in (tables.users, tables.conversations):
        columns = table.c
        query = (
            sa.select(columns.error, sa.func.count())
            .where(columns.app_id == app_id, columns.state.in_(("failed", "forbidden")))
            .group_by(columns.error)
            .order_by(sa.func.count().desc())
            .limit(ERRORS_SHOWN)
        )
        found += [Failure(table.name, count, error or "") for error, count in connection.execute(query)]
    return found


def _unpublished(connection: sa.Connection, app_id: str) -> int:
    columns = tables.commits.c
    query = sa.select(sa.func.count()).where(columns.app_id == app_id, columns.state == "decided")
    return connection.scalar(query) or 0


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
