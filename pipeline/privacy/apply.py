"""Carries out a batch that was planned and confirmed, step by step as in gdpr.md, section 5; resumable at any point.

    work file -> holds -> suppress -> upstream -> lake -> models, ledger -> scan -> close

Every step is a deed before and after. Whatever stops the process, `carry_out` goes on with the same batch later; only
when nothing is left does the work file go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pipeline.errors import ApiError, ConfigError, LockedError, SunlakeError
from pipeline.lake import storage
from pipeline.privacy.access.whole_batch import write_copies
from pipeline.privacy.applied import Applied, said, undone
from pipeline.privacy.closing import alone, finish
from pipeline.privacy.deeds.journal import BatchJournal
from pipeline.privacy.deeds.words import Event, Status, Step
from pipeline.privacy.desk import Desk
from pipeline.privacy.keeping_out import keep_out
from pipeline.privacy.people.mentioning import with_mentions
from pipeline.privacy.people.refresh import joined, refreshed, with_messages
from pipeline.privacy.policies import lake_policy, upstream_policy
from pipeline.privacy.removed_before import removed_before
from pipeline.privacy.report.of_batch import write_report
from pipeline.privacy.requests.holds_of_batch import without_held
from pipeline.privacy.requests.store import remove_unfinished
from pipeline.privacy.requests.work import Work, destroy_work, is_closing, load_work, save_work
from pipeline.privacy.rewrite.derived import in_derived, rebuild_derived
from pipeline.privacy.rewrite.readers import still_reading
from pipeline.privacy.rewrite.whole_batch import REWRITTEN, erase_lake, forget_derived
from pipeline.privacy.scan.of_batch import prove
from pipeline.privacy.scan.report import ScanReport, Verdict
from pipeline.privacy.scan.saved import save_scan
from pipeline.privacy.upstream.types import UpstreamResult, UpstreamStatus
from pipeline.privacy.upstream.whole_batch import as_subject, erase_all_upstream
from pipeline.privacy.wording import counted, people
from pipeline.suppression.subjects import Action, Subject
from pipeline.warehouse.stored import warehouse_file

WAIT_SECONDS: Final = 600.0

OnStep = Callable[[Step, str], None]
"""Told of each step that begins, with a sentence for a person."""


async def carry_out(
    desk: Desk,
    batch_id: str,
    *,
    remove_input: bool = False,
    wait_seconds: float = WAIT_SECONDS,
    on_step: OnStep | None = None,
) -> Applied:
    """Carry out a confirmed batch, or go on with one that was cut.

    Args:
        desk: the desk.
        batch_id: a batch whose plan was confirmed (`confirm.confirm_plan`).
        remove_input: delete the file that the requests came in, which names everybody.
        wait_seconds: how long to wait for a compaction, a repair or a build that is running.
        on_step: for progress.

    Raises:
        PlanRefusedError: there is no such batch, it was not confirmed, or it is closed.
        ApiError, ConfigError: an app does not answer, or refuses the key; its subjects are kept out, and no more.
        SunlakeError: the lake, the ledger or the ledger of deeds can't be used; the batch can be resumed.
    """
    with alone(desk):
        remove_unfinished(desk.lake, batch_id)
        if is_closing(desk, batch_id):
            return finish(desk, batch_id)
        run = _Run(desk, BatchJournal(desk.deeds, batch_id), load_work(desk, batch_id), wait_seconds, on_step)
        return await run.to_the_end(remove_input=remove_input)


class _Run:
    def __init__(
        self, desk: Desk, journal: BatchJournal, work: Work, wait_seconds: float, on_step: OnStep | None
    ) -> None:
        self._desk = desk
        self._journal = journal
        self._work = work
        self._wait_seconds = wait_seconds
        self._on_step = on_step
        self._applied = Applied(journal.batch, had_file=work.source is not None, left_out=work.left_out)
        self._held: Sequence[Subject] = ()

    async def to_the_end(self, *, remove_input: bool) -> Applied:
        if self._of(*REWRITTEN):
            self._desk.lake.store.history.check()  # what is erased upstream must not stay here for ever
        self._resume()
        self._hold()
        await self._suppress()
        await self._copy()
        await self._upstream()
        self._lake()
        self._rebuild()
        if remove_input:
            self._remove_input()
        self._scan()
        self._close()
        return self._applied

    def _resume(self) -> None:
        """Say that the batch goes on, if it was begun before."""
        events = {deed.event for deed in self._desk.deeds.read(self._journal.batch)}
        if Event.BEGIN in events:
            self._desk.deeds.append(self._journal.batch, Event.RESUME)

    def _hold(self) -> None:
        """Leave out whom a legal hold covers now, whatever the plan said."""
        self._say(Step.HOLD, "looking for legal holds")
        free, held = without_held(self._desk, self._work.subjects, self._work.requests, batch=self._journal.batch)
        for subject in held:
            self._journal.end(Step.HOLD, subject.tag, Status.HELD)
        if held:
            self._applied.problems.append(f"{len(held):,} held: a legal hold keeps their data until it is released")
        self._applied.held = [subject.tag for subject in held]
        self._held = held
        self._work = self._work.with_subjects(free)

    async def _suppress(self) -> None:
        """Keep everybody out first; then look again, since an export may have brought more of them since the plan."""
        self._say(Step.SUPPRESS, "keeping the subjects out of the lake")
        self._journal.begin(Step.SUPPRESS, subjects=len(self._work.subjects))
        added = self._keep_out(self._work.subjects)
        subjects = await refreshed(self._desk, self._work.subjects, self._work.requests)
        self._take(with_mentions(self._desk, subjects))
        added += self._keep_out(self._work.subjects)
        self._journal.end(Step.SUPPRESS, None, Status.DONE, entries=added)

    async def _copy(self) -> None:
        """Copies for those who asked for one, before anything of them goes; copies of the erased go."""
        asked = [subject for subject in self._of(Action.ACCESS) if not subject.not_found]
        if asked:
            self._say(Step.ACCESS, f"writing {counted(len(asked), 'copy', 'copies')}")
        copies = await write_copies(self._desk, self._journal, asked, erased=self._of(*REWRITTEN))
        self._applied.copies = copies.count
        self._applied.problems += copies.problems

    async def _upstream(self) -> None:
        subjects = [subject for subject in self._of(*REWRITTEN) if not subject.not_found]
        if not subjects:
            return
        self._say(Step.USER, f"erasing {people(len(subjects))} at Sunshine Conversations")
        policy = upstream_policy(self._desk, subjects)
        try:
            results = await erase_all_upstream(
                self._desk.settings, subjects, journal=self._journal, policy=policy, on_subject=self._tell
            )
        except (ApiError, ConfigError):
            # A wrong app id or a revoked key: nobody is taken for erased, nothing else is done (T5).
            self._journal.end(Step.KNOWN_GOOD, None, Status.FATAL)
            raise
        self._answers_again()
        self._applied.upstream = results
        found = [self._grown(subject) for subject in self._work.subjects]
        if found != list(self._work.subjects):
            self._take(found)
            self._keep_out(found)

    def _answers_again(self) -> None:
        """An app that did not answer, or refused the key, in an earlier run of the batch has answered now."""
        told = [deed.status for deed in self._desk.deeds.read(self._journal.batch) if deed.step is Step.KNOWN_GOOD]
        if told and told[-1] is not Status.DONE:
            self._journal.end(Step.KNOWN_GOOD, None, Status.DONE)

    def _lake(self) -> None:
        self._say(Step.LAKE, "rewriting the lake")
        subjects = with_messages(self._desk, self._work.subjects)
        self._take(subjects := with_mentions(self._desk, subjects))
        # Where they are mentioned is remembered before it is redacted, for it comes again.
        self._keep_out(subjects)
        policy = lake_policy(self._desk, subjects)
        try:
            self._applied.lake = erase_lake(
                self._desk, subjects, journal=self._journal, policy=policy, wait_seconds=self._wait_seconds
            )
        except LockedError as error:
            self._journal.end(Step.LAKE, None, Status.FAILED_RETRYABLE)
            self._applied.problems.append(f"the lake is not done: {error}")

    def _rebuild(self) -> None:
        """Models that were removed come back from what is left; a build that fails can be repeated by hand."""
        derived = self._applied.lake.derived
        cut = removed_before(self._desk, self._journal.batch)
        # Who is restricted, or no more, is a matter of the models alone.
        is_stale = bool(self._of(Action.RESTRICT, Action.RELEASE)) and warehouse_file(self._desk.lake).exists()
        if not cut.had_warehouse and not is_stale and (derived is None or not derived.had_warehouse):
            return
        self._say(Step.DERIVED, "building the models anew")
        with_report = cut.had_report or is_stale or (derived is not None and derived.had_report)
        try:
            self._applied.models = rebuild_derived(self._desk.settings, with_report=with_report)
        except SunlakeError as error:
            self._journal.end(Step.DERIVED, None, Status.FAILED_RETRYABLE)
            self._applied.problems.append(f"the models were removed and could not be built again: {error}")
            return
        self._journal.end(Step.REBUILD, None, Status.DONE, models=self._applied.models)

    def _remove_input(self) -> None:
        if self._work.source is not None:
            storage.unlink(Path(self._work.source))
            self._journal.end(Step.FILES, None, Status.DONE, inputs=1)

    def _scan(self) -> None:
        """Look through everything for what should be gone. The work file itself is sealed, and so no hit."""
        subjects = self._of(*REWRITTEN)
        if not subjects:
            return
        self._say(Step.SCAN, "looking for what is left")
        self._journal.begin(Step.SCAN)
        self._await_queries()
        report = prove(self._desk, subjects, source=self._work.source)
        if any(in_derived(self._desk.lake, hit.path) for hit in report.hits):
            # Nothing of the lake was to be rewritten, and somebody had put back what was computed from it before.
            report = self._proven_without_derived(subjects) or report
        self._applied.scan = report
        save_scan(self._desk, self._journal.batch, report)
        sizes = {"files": report.files, "bytes": report.bytes, "hits": report.residual}
        self._journal.end(Step.SCAN, None, report.verdict.value, unreadable=len(report.unreadable), **sizes)
        if report.verdict is not Verdict.CLEAN:
            self._applied.problems.append(said(report))

    def _await_queries(self) -> None:
        """Queries that began before the lake was rewritten may keep in temporary files what they read."""
        problem = still_reading(self._desk.lake.private / "tmp", seconds=self._wait_seconds)
        if problem is not None:
            self._applied.problems.append(problem)

    def _proven_without_derived(self, subjects: Sequence[Subject]) -> ScanReport | None:
        """A scan after what was computed from the lake went and was built anew; None if a build holds it for long."""
        try:
            forget_derived(self._desk, self._applied.lake, journal=self._journal, wait_seconds=self._wait_seconds)
        except LockedError as error:
            self._journal.end(Step.DERIVED, None, Status.FAILED_RETRYABLE)
            self._applied.problems.append(f"what was computed from the lake is not removed: {error}")
            return None
        self._rebuild()
        self._say(Step.SCAN, "looking again, for what was computed from the lake still held traces")
        return prove(self._desk, subjects, source=self._work.source)

    def _close(self) -> None:
        for subject in self._work.subjects:
            result = self._applied.upstream.get(subject.tag)
            if result is not None and result.status is not UpstreamStatus.DONE:
                self._applied.problems.append(undone(result))
        self._applied.problems = list(dict.fromkeys(self._applied.problems))
        self._applied.subjects = tuple(self._work.subjects)
        status = self._applied.status
        for subject in self._work.subjects:
            self._journal.end(Step.CLOSE, subject.tag, self._status_of(subject))
        if self._applied.is_over:
            # From now on those who come back with an old address are new people, after a time.
            self._keep_out(self._work.subjects)
        counts = {"subjects": len(self._work.subjects), "open": len(self._applied.problems)}
        self._journal.end(Step.CLOSE, None, status, **counts)
        if self._applied.is_over:
            destroy_work(self._desk, self._journal.batch)
        self._desk.deeds.append(self._journal.batch, Event.CLOSE, status=status)
        self._applied.report = write_report(self._desk, self._journal.batch, scan=self._applied.scan)

    def _status_of(self, subject: Subject) -> Status:
        if (
            subject.action is Action.ACCESS
            and not subject.not_found
            and not self._journal.done(Step.ACCESS, subject.tag)
        ):
            return Status.FAILED_RETRYABLE
        return self._applied.status_of(subject)

    def _keep_out(self, subjects: Sequence[Subject]) -> int:
        return keep_out(self._desk, subjects, batch=self._journal.batch)

    def _grown(self, subject: Subject) -> Subject:
        result = self._applied.upstream.get(subject.tag)
        return subject if result is None else joined(subject, as_subject(subject, result.discovered))

    def _take(self, subjects: Sequence[Subject]) -> None:
        """Remember what is known of the subjects, durably: it is what the next run begins with."""
        self._work = self._work.with_subjects(subjects)
        # Whoever is held may be released: the next run looks again.
        save_work(self._desk, self._journal.batch, self._work.with_subjects([*subjects, *self._held]))

    def _of(self, *actions: Action) -> list[Subject]:
        return [subject for subject in self._work.subjects if subject.action in actions]

    def _tell(self, subject: Subject, result: UpstreamResult) -> None:
        if self._on_step is not None:
            self._on_step(Step.USER, f"{subject.tag[:12]}: {result.status}")

    def _say(self, step: Step, sentence: str) -> None:
        if self._on_step is not None:
            self._on_step(step, sentence)
