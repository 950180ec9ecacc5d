"""Steps 9 to 11 of a batch: the lake is rewritten, what was computed from it goes, the ledger forgets (gdpr.md, 5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

from pipeline.lake.history import Leftovers
from pipeline.lake.repair import apps_of
from pipeline.privacy.deeds.journal import BatchJournal
from pipeline.privacy.deeds.words import Status, Step
from pipeline.privacy.desk import Desk
from pipeline.privacy.rewrite.derived import Removed, remove_derived
from pipeline.privacy.rewrite.older import remove_older
from pipeline.privacy.rewrite.rewrite import FileOutcome, rewrite_lake
from pipeline.privacy.rewrite.state import purge_state
from pipeline.report.files import default_page
from pipeline.suppression.redact import Policy
from pipeline.suppression.subjects import Action, Subject
from pipeline.warehouse.stored import warehouse_file

REWRITTEN: Final = frozenset({Action.ERASE, Action.PII_ONLY})
"""Actions that change what the lake holds."""

OnFile = Callable[[FileOutcome], None]


@dataclass(slots=True)
class LakeOutcome:
    """What became of the lake: files by status, and rows that went or were changed, by table.

    `older` is what the store had kept of files as they were before.
    """

    files: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    bytes_before: int = 0
    bytes_after: int = 0
    derived: Removed | None = None
    older: Leftovers = field(default_factory=Leftovers)

    @property
    def touched(self) -> int:
        """Files that were rewritten or removed."""
        return sum(self.files.values())

    def take(self, outcome: FileOutcome) -> None:
        """Count a file."""
        self.files[outcome.status.value] += 1
        self.removed[outcome.table] += outcome.removed
        self.changed[outcome.table] += outcome.changed
        self.bytes_before += outcome.bytes_before
        self.bytes_after += outcome.bytes_after

    def add(self, other: LakeOutcome) -> None:
        """Count what became of another app."""
        self.files += other.files
        self.removed += other.removed
        self.changed += other.changed
        self.bytes_before += other.bytes_before
        self.bytes_after += other.bytes_after
        self.older = self.older.plus(other.older)
        if other.derived is not None:
            self.derived = other.derived if self.derived is None else self.derived.then(other.derived)


def erase_lake(
    desk: Desk,
    subjects: Sequence[Subject],
    *,
    journal: BatchJournal,
    policy: Policy,
    wait_seconds: float,
    on_file: OnFile | None = None,
) -> LakeOutcome:
    """Erase subjects in the lake, in what was computed from it, and in the ledger. Each part may be repeated.

    Args:
        desk: the desk.
        subjects: of any app and action; those that ask for nothing here are passed over.
        journal: every file is a deed.
        policy: what is a matter of choice.
        wait_seconds: how long to wait for a compaction, a repair or a build that is running.
        on_file: told of each file that was touched.

    Raises:
        LakeError, LedgerError: what was done so far stays, and the batch can be resumed.
    """
    found = LakeOutcome()
    wanted = [subject for subject in subjects if subject.action in REWRITTEN]
    if not wanted:
        return found

    def record(outcome: FileOutcome) -> None:
        found.take(outcome)
        counts = {"removed": outcome.removed, "changed": outcome.changed}
        sizes = {"bytes_before": outcome.bytes_before, "bytes_after": outcome.bytes_after}
        journal.end(Step.REWRITE, None, Status.DONE, files=1, rows=outcome.rows_before, **counts, **sizes)
        if on_file is not None:
            on_file(outcome)

    def before_change() -> None:
        """Models of a lake that is half rewritten would still serve who is gone from it."""
        if found.derived is None:
            forget_derived(desk, found, journal=journal, wait_seconds=wait_seconds)

    # A process that was killed may have rewritten a file without having told of it.
    is_resumed = _is_cut(desk, journal.batch)
    app_ids = [app_id for app_id in apps_of(desk.lake) if any(subject.app_id == app_id for subject in wanted)]
    journal.begin(Step.LAKE, subjects=len(wanted))
    for app_id in app_ids:
        journal.begin(Step.REWRITE)
        if not rewrite_lake(
            desk.lake,
            desk.ledger,
            app_id,
            wanted,
            policy=policy,
            before_change=before_change,
            on_file=record,
            wait_seconds=wait_seconds,
        ):
            journal.end(Step.REWRITE, None, Status.ALREADY)
    journal.end(Step.LAKE, None, Status.DONE if found.touched else Status.ALREADY, files=found.touched)
    if found.touched or is_resumed:
        # A build may have begun before the last file was rewritten.
        forget_derived(desk, found, journal=journal, wait_seconds=wait_seconds)
    found.older = remove_older(desk.lake, journal=journal, wait_seconds=wait_seconds)
    for app_id in app_ids:
        journal.begin(Step.STATE)
        purged = purge_state(desk.lake, desk.ledger, app_id, wanted, scope=policy.scope)
        journal.end(Step.STATE, None, Status.DONE, **asdict(purged))
    return found


def forget_derived(desk: Desk, found: LakeOutcome, *, journal: BatchJournal, wait_seconds: float) -> None:
    """Remove what was computed from the lake, and record what there is to be made again.

    Raises:
        LockedError: a build still runs after so many seconds.
        StorageError: a file can't be removed.
    """
    # Whoever goes on after a kill finds them removed, and must know that they are to be made again.
    has_warehouse, has_report = warehouse_file(desk.lake).exists(), default_page(desk.lake.place).exists()
    journal.begin(Step.DERIVED, warehouse=int(has_warehouse), report=int(has_report))
    removed = remove_derived(desk.lake, wait_seconds=wait_seconds)
    found.derived = removed if found.derived is None else found.derived.then(removed)
    journal.end(
        Step.DERIVED,
        None,
        Status.DONE,
        files=removed.files,
        warehouse=int(removed.had_warehouse),
        report=int(removed.had_report),
    )


def _is_cut(desk: Desk, batch: str) -> bool:
    """Whether a run of the batch began to rewrite, and did not come as far as removing what was computed before."""
    is_cut = False
    for deed in desk.deeds.read(batch):
        if deed.step is Step.REWRITE:
            is_cut = True
        elif deed.step is Step.DERIVED and deed.status is Status.DONE:
            is_cut = False
    return is_cut
