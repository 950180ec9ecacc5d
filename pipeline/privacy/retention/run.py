"""Retention carried out: what is too old or gone upstream leaves the lake, and with it all that was computed from it.

Every step is a deed. A run that was killed is taken up by the next one under the same id, so that models which may
still hold what its files no longer do never outlive it, and is closed when all apps that it was begun for are done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import CorruptLakeError, SunlakeError
from pipeline.lake.commit import recover
from pipeline.lake.layout import Lake, new_commit_id
from pipeline.lake.repair import apps_of
from pipeline.lake.tables import Table
from pipeline.privacy.deeds.journal import BatchJournal
from pipeline.privacy.deeds.words import Event, Status, Step
from pipeline.privacy.desk import Desk
from pipeline.privacy.removed_before import removed_before
from pipeline.privacy.retention.cut_run import app_tag, begin_run, cut_run
from pipeline.privacy.retention.expire import expire
from pipeline.privacy.retention.expiring import Retention, read_retention
from pipeline.privacy.rewrite.derived import Removed, awaited_lock, rebuild_derived
from pipeline.privacy.rewrite.older import remove_older
from pipeline.privacy.rewrite.rewrite import FileOutcome, rewrite_files
from pipeline.privacy.rewrite.whole_batch import LakeOutcome, OnFile, forget_derived
from pipeline.suppression.expiry import EXPIRING, Expiry, Selection
from pipeline.suppression.floors import read_floor
from pipeline.suppression.gate import open_gate
from pipeline.walk.ledger import Ledger

WAIT_SECONDS = 600.0
_BATCH_ROWS = 20_000


@dataclass(slots=True)
class Expired:
    """What became of the lake, by app in `rows`; `problem` says what is left to be done by hand."""

    batch_id: str
    lake: LakeOutcome = field(default_factory=LakeOutcome)
    rows: dict[str, int] = field(default_factory=dict)
    models: int | None = None
    problem: str | None = None

    @property
    def exit_code(self) -> int:
        """0 complete, 3 done in part."""
        return 0 if self.problem is None else 3


def run_expiry(
    desk: Desk,
    *,
    before: datetime | None,
    app_ids: Sequence[str] = (),
    on_file: OnFile | None = None,
    wait_seconds: float = WAIT_SECONDS,
) -> Expired:
    """Remove what has to go from apps of a lake, then build anew what was computed from it. Safe to kill and to repeat.

    Args:
        desk: the desk.
        before: what was received before this moment goes, and is never admitted again; None leaves age alone. What a
            run that was cut has begun to remove goes in any case.
        app_ids: the apps; by default all that the lake holds. Where a run that was cut was begun for more, it stays
            open, and the outcome says for which.
        on_file: told of each file that was rewritten or removed, once it is durable.
        wait_seconds: how long to wait for an export, a compaction or a build that is running.

    Raises:
        LockedError: somebody else writes for longer than the wait.
        LakeError, LedgerError: what was done so far stays; run it again.
    """
    cut = cut_run(desk)
    journal = BatchJournal(desk.deeds, f"e{new_commit_id()}" if cut is None else cut.batch_id)
    found = Expired(journal.batch)
    wanted = list(app_ids) or apps_of(desk.lake)

    def before_change() -> None:
        """Models of a lake that is half rewritten would still serve what is gone from it."""
        if found.lake.derived is None:
            forget_derived(desk, found.lake, journal=journal, wait_seconds=wait_seconds)

    begin_run(desk, journal.batch, wanted, before=before, is_resumed=cut is not None)
    for app_id in wanted:
        with awaited_lock(desk.lake, app_id, what="erase expire", seconds=wait_seconds):
            recover(desk.lake, desk.ledger, app_id, admission=open_gate(desk.lake, app_id, desk.settings))
            journal.begin(Step.EXPIRE, app_tag(app_id))
            outcomes = expire(
                desk.lake,
                desk.ledger,
                app_id,
                before=before if cut is None else _promised(desk.lake, app_id, before),
                retention=retention_of(desk),
                rewrite=partial(rewrite, before_change=before_change, wait_seconds=wait_seconds),
                on_file=_recorder(journal, found, on_file),
            )
            removed = found.rows[app_id] = sum(outcome.removed for outcome in outcomes)
            journal.end(Step.EXPIRE, app_tag(app_id), Status.DONE if outcomes else Status.ALREADY, removed=removed)
    _renew_derived(desk, journal, found, is_resumed=cut is not None, wait_seconds=wait_seconds)
    found.lake.older = remove_older(desk.lake, journal=journal, wait_seconds=wait_seconds)
    _say_what_is_left(desk, found)
    if found.problem is None:
        desk.deeds.append(journal.batch, Event.CLOSE, status=Status.COMPLETE)
    return found


def retention_of(desk: Desk) -> Retention:
    """The settings `[privacy] retention`."""
    return read_retention(msgspec.structs.asdict(desk.settings.privacy.retention))


def rewrite(
    lake: Lake,
    ledger: Ledger,
    app_id: str,
    selection: Selection,
    *,
    on_file: Callable[[FileOutcome], None] | None = None,
    before_change: Callable[[], None] = lambda: None,
    wait_seconds: float = WAIT_SECONDS,
) -> list[FileOutcome]:
    """The engine of retention (`expire.Rewrite`): every file in place, proven; only those are written that change."""
    expiry = Expiry(selection)

    def may_change(table: Table, file: Path) -> bool:
        return any(_is_hit(expiry, table, rows) for rows in _rows(file, Expiry.columns(table)))

    return rewrite_files(
        lake,
        ledger,
        app_id,
        expiry.apply,
        candidates=may_change,
        order=EXPIRING,
        before_change=before_change,
        on_file=on_file,
        wait_seconds=wait_seconds,
    )


def _promised(lake: Lake, app_id: str, before: datetime | None) -> datetime | None:
    """The later of the moment and the floor: below the floor nothing may be, and a run that was cut has left some."""
    known = [moment for moment in (before, read_floor(lake, app_id)) if moment is not None]
    return max(known, default=None)


def _say_what_is_left(desk: Desk, found: Expired) -> None:
    """The run stays open while an app is left that it was begun for: what expired there is still in its files."""
    run = cut_run(desk)
    left = run.left_of(apps_of(desk.lake)) if run is not None else []
    if left:
        problem = f"the run was begun for app {', '.join(left)} too, which is not done: run it again without --app"
        found.problem = problem if found.problem is None else f"{found.problem}; {problem}"


def _recorder(journal: BatchJournal, found: Expired, on_file: OnFile | None) -> OnFile:
    def record(outcome: FileOutcome) -> None:
        found.lake.take(outcome)
        counts = {"files": 1, "rows": outcome.rows_before, "removed": outcome.removed, "changed": outcome.changed}
        journal.end(Step.REWRITE, None, Status.DONE, **counts)
        if on_file is not None:
            on_file(outcome)

    return record


def _renew_derived(desk: Desk, journal: BatchJournal, found: Expired, *, is_resumed: bool, wait_seconds: float) -> None:
    """Remove what was computed and build it anew, if rows went now or in the run that was cut."""
    to_be_built = Removed(0, had_warehouse=False, had_report=False)
    if found.lake.touched or is_resumed:
        # A build may have begun before the last file was rewritten.
        forget_derived(desk, found.lake, journal=journal, wait_seconds=wait_seconds)
        to_be_built = removed_before(desk, journal.batch)
    if not to_be_built.had_warehouse:
        return
    journal.begin(Step.REBUILD)
    try:
        found.models = rebuild_derived(desk.settings, with_report=to_be_built.had_report)
    except SunlakeError as error:
        journal.end(Step.REBUILD, None, Status.FAILED_RETRYABLE)
        found.problem = f"the models were removed and could not be built again: {error}"
        return
    journal.end(Step.REBUILD, None, Status.DONE, models=found.models)


def _is_hit(expiry: Expiry, table: Table, rows: pa.Table) -> bool:
    result = expiry.apply(table, rows)
    return bool(result.removed or result.changed)


def _rows(file: Path, columns: list[str]) -> Iterator[pa.Table]:
    try:
        with pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches(batch_size=_BATCH_ROWS, columns=columns):
                yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError):
        # The reason may quote values.
        raise CorruptLakeError(f"{file} is damaged or missing; run `sunlake repair`, then `sunlake export`") from None
