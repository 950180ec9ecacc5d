"""The commit protocol: staged and durable files, one ledger transaction, then into place (design.md, section 5).

The transaction is the moment of decision. Before it nothing happened, after it all will: a process that is killed
leaves either staging that nobody refers to, or a decided commit that `recover` carries to its end.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from pipeline.lake.admission import EVERYBODY, Admission
from pipeline.lake.decision import Decision, StagedFile
from pipeline.lake.layout import Lake
from pipeline.lake.lock import files_lock
from pipeline.walk import ledger as tables
from pipeline.walk.ledger import Ledger

DECIDED, PUBLISHED = "decided", "published"


def commit(
    lake: Lake,
    ledger: Ledger,
    decision: Decision,
    *,
    checkpoints: Callable[[sa.Connection], None] | None = None,
    admission: Admission = EVERYBODY,
) -> None:
    """Decide a commit and publish it. All its files are in staging already.

    Args:
        lake: the lake.
        ledger: its ledger.
        decision: what to publish.
        checkpoints: writes the checkpoints that the files cover, within the deciding transaction.
        admission: has the last word on what is published.

    Raises:
        LedgerError, StorageError: before the decision nothing happened; after it the next start finishes the commit.
        PrivacyKeyError: somebody was suppressed meanwhile, and the key is not given; nothing happened.
    """
    with admission.publishing(decision) as admitted:
        _commit(lake, ledger, admitted, checkpoints)


def _commit(
    lake: Lake, ledger: Ledger, decision: Decision, checkpoints: Callable[[sa.Connection], None] | None
) -> None:
    if decision.files:
        lake.store.stage(decision.app_id, decision.commit_id, [file.path for file in decision.files])
    with ledger.write() as connection:
        if decision.files or decision.removals:
            _decide(ledger, connection, decision)
        if checkpoints is not None:
            checkpoints(connection)
        lake.store.fence(connection, decision.app_id)
    if decision.files or decision.removals:
        _publish(lake, ledger, _publication(decision))


def recover(lake: Lake, ledger: Ledger, app_id: str, *, admission: Admission = EVERYBODY) -> int:
    """Finish the decided commits of an app, delete its undecided staging; returns how many commits were finished.

    Whoever was suppressed since a commit was decided is left out of it.

    Raises:
        CorruptLakeError: a file of a decided commit is nowhere.
        LockedError: files of the app are being replaced by another process.
    """
    decided = _decided(ledger, app_id)
    if decided:
        with files_lock(lake, app_id):
            for decision in decided:
                _finish(lake, ledger, decision, admission)
    lake.store.drop_staging(app_id)
    return len(decided)


def _decided(ledger: Ledger, app_id: str) -> list[Decision]:
    """The commits that were decided and are not known to be published, in their order."""
    columns, files = tables.commits.c, tables.files.c
    query = sa.select(columns.commit_id, columns.kind, columns.removals)
    query = query.where(columns.app_id == app_id, columns.state == DECIDED).order_by(columns.commit_id)
    found = []
    with ledger.read() as connection:
        for row in connection.execute(query).all():
            members = sa.select(files.path, files.table_name, files.rows, files.bytes)
            members = members.where(files.commit_id == row.commit_id)
            staged = [StagedFile(*values) for values in connection.execute(members)]
            found.append(Decision(row.commit_id, app_id, row.kind, staged, json.loads(row.removals)))
    return found


def _finish(lake: Lake, ledger: Ledger, decision: Decision, admission: Admission) -> None:
    with admission.publishing(decision) as admitted:
        if admitted is not decision:
            # Elsewhere than here, the files are still staged as they were before.
            lake.store.stage(admitted.app_id, admitted.commit_id, [file.path for file in admitted.files])
            with ledger.write() as connection:
                _record_files(ledger, connection, admitted)
                lake.store.fence(connection, admitted.app_id)
        _publish(lake, ledger, _publication(admitted))


def live_files(ledger: Ledger, app_id: str, table: str) -> list[str]:
    """Paths of an app's published files of one table, relative to the lake's root."""
    columns = tables.files.c
    query = sa.select(columns.path).where(columns.app_id == app_id, columns.table_name == table).order_by(columns.path)
    with ledger.read() as connection:
        return list(connection.scalars(query))


def _decide(ledger: Ledger, connection: sa.Connection, decision: Decision) -> None:
    connection.execute(
        tables.commits.insert().values(
            commit_id=decision.commit_id,
            app_id=decision.app_id,
            kind=decision.kind,
            state=DECIDED,
            decided_at=time.time(),
            removals=json.dumps(list(decision.removals)),
        )
    )
    _record_files(ledger, connection, decision)


def _record_files(ledger: Ledger, connection: sa.Connection, decision: Decision) -> None:
    if decision.removals:
        connection.execute(tables.files.delete().where(tables.files.c.path.in_(decision.removals)))
    rows = [
        {
            "path": file.path,
            "app_id": decision.app_id,
            "table_name": file.table,
            "commit_id": decision.commit_id,
            "rows": file.rows,
            "bytes": file.bytes,
        }
        for file in decision.files
    ]
    ledger.upsert(connection, tables.files, rows)


@dataclass(frozen=True, slots=True)
class _Publication:
    app_id: str
    commit_id: str
    paths: Sequence[str]
    removals: Sequence[str]


def _publication(decision: Decision) -> _Publication:
    return _Publication(decision.app_id, decision.commit_id, [file.path for file in decision.files], decision.removals)


def _publish(lake: Lake, ledger: Ledger, publication: _Publication) -> None:
    store, app_id, commit_id = lake.store, publication.app_id, publication.commit_id
    store.publish(app_id, commit_id, publication.paths)
    store.remove(app_id, [path for path in publication.removals if path not in publication.paths])
    with ledger.write() as connection:
        connection.execute(
            tables.commits.update().where(tables.commits.c.commit_id == commit_id).values(state=PUBLISHED)
        )
        store.fence(connection, app_id)
    store.drop_staging(app_id, commit_id)
