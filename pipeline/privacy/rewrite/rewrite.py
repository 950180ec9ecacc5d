"""Rewriting files of the lake in place without the rows of erased people (gdpr.md, section 6).

Each file is a step of its own: found, written anew in staging, proven, renamed over, recorded. A reader sees the old
file or the new one; what is killed is repeated, and what is repeated finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from pipeline.errors import LockedError
from pipeline.lake import storage
from pipeline.lake.commit import recover
from pipeline.lake.copies import local_copy
from pipeline.lake.layout import Lake
from pipeline.lake.lock import files_lock, writer_lock
from pipeline.lake.tables import TABLES, Table
from pipeline.privacy.rewrite.derived import awaited_lock
from pipeline.privacy.rewrite.hit_files import copy_folder, files_by_table, find, rewrite_folder
from pipeline.privacy.rewrite.patch import patch
from pipeline.privacy.rewrite.proof import Proof
from pipeline.suppression.redact import WHOLE, Policy, Redacted, redact
from pipeline.suppression.subjects import Subject
from pipeline.walk import ledger as tables
from pipeline.walk.ledger import Ledger

FIRST = ("tombstones", "events")
"""Tables that come first: they tell of rows of other tables by ids that are gone once those are rewritten."""

_BY_IDS = sorted(TABLES.values(), key=lambda table: table.name not in FIRST)


class Status(StrEnum):
    """What became of a file."""

    UNTOUCHED = "untouched"
    REWRITTEN = "rewritten"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """One file, by its path relative to the lake's root. Sizes in bytes."""

    path: str
    table: str
    status: Status
    rows_before: int
    removed: int
    changed: int
    bytes_before: int
    bytes_after: int

    @property
    def rows_after(self) -> int:
        """Rows that are left."""
        return self.rows_before - self.removed


Change = Callable[[Table, pa.Table], Redacted]
OnFile = Callable[[FileOutcome], None]


def rewrite_lake(
    lake: Lake,
    ledger: Ledger,
    app_id: str,
    subjects: Sequence[Subject],
    *,
    policy: Policy = WHOLE,
    before_change: Callable[[], None] = lambda: None,
    on_file: OnFile | None = None,
    wait_seconds: float = 600.0,
) -> list[FileOutcome]:
    """Erase or mask the subjects in all files of an app; returns the files that were rewritten or removed.

    Args:
        lake: the lake.
        ledger: its ledger.
        app_id: the app.
        subjects: those of that app; actions that leave rows alone are passed over.
        policy: what is a matter of choice.
        before_change: called before each of these files is replaced or removed.
        on_file: called after each of these files, once it is durable.
        wait_seconds: how long to wait for a compaction or repair to end.

    Raises:
        CorruptLakeError: a file can't be read; files before it are done, the others as they were.
        LakeError: a file that was written does not prove right; the old one stays.
        LockedError: somebody else replaces files of the app.
        StorageError, LedgerError: the rewrite can be repeated.
    """
    mine = [subject for subject in subjects if subject.app_id == app_id]
    with _alone(lake, ledger, app_id, wait_seconds=wait_seconds):
        found = find(lake, app_id, mine, policy=policy)

        def change(table: Table, rows: pa.Table) -> Redacted:
            return redact(table, rows, found.matcher, policy=policy)

        return _rewrite(_Job(lake, ledger, app_id, change, on_file, before_change), found.files, order=_BY_IDS)


def rewrite_files(
    lake: Lake,
    ledger: Ledger,
    app_id: str,
    change: Change,
    *,
    candidates: Callable[[Table, Path], bool],
    order: Sequence[Table] = tuple(TABLES.values()),
    before_change: Callable[[], None] = lambda: None,
    on_file: OnFile | None = None,
    wait_seconds: float = 600.0,
) -> list[FileOutcome]:
    """Change the rows of an app by a rule of any kind, for retention; the same steps and proofs as `rewrite_lake`.

    Args:
        lake: the lake.
        ledger: its ledger.
        app_id: the app, whose lock the caller holds; commits of it that were cut are finished (`recover`).
        change: what becomes of rows.
        candidates: whether a file may hold rows that change; cheaper than to rewrite it.
        order: the tables to look at, in this order.
        before_change: as for `rewrite_lake`.
        on_file: as for `rewrite_lake`.
        wait_seconds: as for `rewrite_lake`.

    Raises:
        LakeError, LedgerError: as for `rewrite_lake`.
    """

    def is_candidate(table: Table, path: str) -> bool:
        with local_copy(lake, path, folder=copy_folder(lake, app_id)) as file:
            return candidates(table, file)

    with files_lock(lake, app_id, wait_seconds=wait_seconds):
        paths = files_by_table(lake, app_id)
        files = {table.name: {path: None for path in paths[table.name] if is_candidate(table, path)} for table in order}
        return _rewrite(_Job(lake, ledger, app_id, change, on_file, before_change), files, order=order)


@contextmanager
def _alone(lake: Lake, ledger: Ledger, app_id: str, *, wait_seconds: float) -> Iterator[None]:
    """Be the only one to replace files of an app, with nothing decided that is not in its place.

    An export of this machine may go on meanwhile, since it asks the list of suppressions before it publishes. Of
    exports on other machines it is not known how far they are, so they have to end first.

    Raises:
        LockedError: somebody else is at work for longer than the wait.
    """
    with ExitStack() as stack:
        if lake.store.is_shared:
            stack.enter_context(awaited_lock(lake, app_id, what="erase", seconds=wait_seconds))
            recover(lake, ledger, app_id)
        else:
            finish_cut_commits(lake, ledger, app_id)
        stack.enter_context(files_lock(lake, app_id, wait_seconds=wait_seconds))
        yield


def finish_cut_commits(lake: Lake, ledger: Ledger, app_id: str) -> None:
    """Bring what a killed export had decided into place, where it is rewritten with the rest.

    A run that is alive has done so itself, and leaves out whom the suppression list names.
    """
    try:
        with writer_lock(lake, app_id, what="erase"):
            recover(lake, ledger, app_id)
    except LockedError:
        return


@dataclass(frozen=True, slots=True)
class _Job:
    """One rewrite of one app's files."""

    lake: Lake
    ledger: Ledger
    app_id: str
    change: Change
    on_file: OnFile | None
    before_change: Callable[[], None] = lambda: None

    @property
    def staging(self) -> Path:
        """Where files are written anew."""
        return rewrite_folder(self.lake, self.app_id)


def _rewrite(
    job: _Job, files: Mapping[str, Mapping[str, frozenset[int] | None]], *, order: Sequence[Table]
) -> list[FileOutcome]:
    storage.remove_tree(job.staging)
    storage.make_folder(job.staging)
    done: list[FileOutcome] = []
    with Proof() as proof:
        for table in order:
            for path, groups in sorted(files.get(table.name, {}).items()):
                outcome = _rewrite_file(job, table, path, groups, proof)
                if outcome.status is Status.UNTOUCHED:
                    continue
                done.append(outcome)
                if job.on_file is not None:
                    job.on_file(outcome)
    _agree(job)
    storage.remove_tree(job.staging)
    return done


def _rewrite_file(job: _Job, table: Table, path: str, groups: frozenset[int] | None, proof: Proof) -> FileOutcome:
    with local_copy(job.lake, path, folder=copy_folder(job.lake, job.app_id)) as source:
        return _rewrite_copy(job, table, path, source, groups=groups, proof=proof)


def _rewrite_copy(
    job: _Job, table: Table, path: str, source: Path, *, groups: frozenset[int] | None, proof: Proof
) -> FileOutcome:
    target = job.staging / Path(path).name
    with storage.storage_errors():
        before = source.stat().st_size
    patched = patch(source, target, table, groups=groups, change=partial(job.change, table), proof=proof)
    rows_before, removed, changed = patched.rows_before, patched.removed, patched.changed
    if not removed and not changed:
        return FileOutcome(path, table.name, Status.UNTOUCHED, rows_before, 0, 0, before, before)
    if removed == rows_before:
        job.before_change()
        _forget(job, path)
        job.lake.store.expunge(job.app_id, path)
        return FileOutcome(path, table.name, Status.REMOVED, rows_before, removed, 0, before, 0)
    proof.of_file(source, target, patched.anew)
    size = target.stat().st_size
    job.before_change()
    job.lake.store.put_over(job.app_id, path, target)
    _record(job, path, rows=rows_before - removed, size=size)
    return FileOutcome(path, table.name, Status.REWRITTEN, rows_before, removed, changed, before, size)


def _record(job: _Job, path: str, *, rows: int, size: int) -> None:
    columns = tables.files.c
    with job.ledger.write() as connection:
        connection.execute(tables.files.update().where(columns.path == path).values(rows=rows, bytes=size))
        job.lake.store.fence(connection, job.app_id)


def _forget(job: _Job, path: str) -> None:
    """Before the file itself is removed: what reads by the ledger must not look for it."""
    with job.ledger.write() as connection:
        connection.execute(tables.files.delete().where(tables.files.c.path == path))
        job.lake.store.fence(connection, job.app_id)


def _agree(job: _Job) -> None:
    """Mend what a rewrite that was killed between a rename and its record left in the ledger."""
    columns = tables.files.c
    query = sa.select(columns.path, columns.bytes).where(columns.app_id == job.app_id)
    with job.ledger.read() as connection:
        known = dict(connection.execute(query).tuples().all())
    folders = [f"{name}/app_id={job.app_id}" for name in TABLES]
    wrong = {file.path: file.bytes for file in job.lake.store.files(*folders) if known.get(file.path, -1) != file.bytes}
    for path in wrong.keys() & known.keys():
        with local_copy(job.lake, path, folder=copy_folder(job.lake, job.app_id)) as file:
            _record(job, path, rows=pq.read_metadata(file).num_rows, size=wrong[path])
