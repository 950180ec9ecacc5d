"""Erases again whoever came back with a backup of the lake (gdpr.md, section 7)."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.lake.layout import new_commit_id
from pipeline.lake.repair import apps_of
from pipeline.privacy.applied import said
from pipeline.privacy.back.come_back import come_back
from pipeline.privacy.deeds.journal import BatchJournal
from pipeline.privacy.deeds.words import Event, Status, Step
from pipeline.privacy.desk import Desk
from pipeline.privacy.rewrite.readers import still_reading
from pipeline.privacy.rewrite.whole_batch import LakeOutcome, erase_lake, forget_derived
from pipeline.privacy.scan.of_batch import prove
from pipeline.privacy.scan.report import ScanReport, Verdict


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a replay; `scan` is None where nobody was back. `problems` say what is left to be done."""

    lake: LakeOutcome
    scan: ScanReport | None = None
    problems: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 nobody is there any more, 3 that is not proven."""
        return 3 if self.problems else 0


def replay(desk: Desk, *, wait_seconds: float) -> Replayed:
    """Erase again whoever came back into the lake or the models; nothing is asked upstream.

    Raises:
        LakeError, LedgerError, PrivacyKeyError: it can be repeated.
    """
    found = [come_back(desk, app_id) for app_id in apps_of(desk.lake)]
    subjects = [subject for back in found for subject in back.subjects]
    journal = BatchJournal(desk.deeds, f"e{new_commit_id()}")
    desk.deeds.append(journal.batch, Event.REPLAY, counts={"subjects": len(subjects)})
    outcome = LakeOutcome()
    if not subjects:
        return Replayed(outcome)
    for back in (back for back in found if back.subjects):
        done = erase_lake(desk, back.subjects, journal=journal, policy=back.policy, wait_seconds=wait_seconds)
        outcome.add(done)
    if outcome.derived is None and any(back.computed for back in found):
        forget_derived(desk, outcome, journal=journal, wait_seconds=wait_seconds)
    problem = still_reading(desk.lake.private / "tmp", seconds=wait_seconds)
    report = prove(desk, subjects)
    journal.end(Step.SCAN, None, report.verdict.value, hits=report.residual, files=report.files)
    journal.end(Step.REPLAY, None, Status.DONE, rows=sum(outcome.removed.values()))
    problems = [problem] if problem is not None else []
    if report.verdict is not Verdict.CLEAN:
        problems.append(said(report, again="replay"))
    return Replayed(outcome, report, tuple(problems))
