"""What became of a batch in one run, and how it is said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipeline.privacy.deeds.words import Status
from pipeline.privacy.rewrite.whole_batch import REWRITTEN, LakeOutcome
from pipeline.privacy.scan.report import ScanReport, Verdict
from pipeline.privacy.upstream.types import UpstreamResult, UpstreamStatus
from pipeline.privacy.wording import counted
from pipeline.suppression.subjects import Subject


@dataclass(slots=True)
class Applied:
    """What became of a batch in this run.

    `is_only_closed` where all was done in a run that was cut at its end; `had_file` unless requests came from a query.
    `problems` may be over when the batch is carried out again; what is `left_out` takes another batch.
    """

    batch_id: str
    is_only_closed: bool = False
    had_file: bool = True
    subjects: Sequence[Subject] = field(default=(), repr=False)
    held: Sequence[str] = ()
    upstream: dict[str, UpstreamResult] = field(default_factory=dict)
    lake: LakeOutcome = field(default_factory=LakeOutcome)
    copies: int = 0
    models: int | None = None
    scan: ScanReport | None = None
    report: Path | None = None
    problems: list[str] = field(default_factory=list)
    left_out: Sequence[str] = ()

    @property
    def status(self) -> Status:
        """`complete` only if every request is met: whoever is to go is gone everywhere, and seen to be."""
        return Status.PARTIAL if self.problems or self.left_out else Status.COMPLETE

    @property
    def is_over(self) -> bool:
        """Whether nothing is left that this batch could do."""
        return not self.problems

    @property
    def exit_code(self) -> int:
        """0 complete, 3 done in part."""
        return 0 if self.status is Status.COMPLETE else 3

    def status_of(self, subject: Subject) -> Status:
        """How far the batch has come with one of its subjects."""
        result = self.upstream.get(subject.tag)
        if subject.not_found:
            return Status.SKIPPED
        if subject.action not in REWRITTEN:
            return Status.DONE
        if result is None:
            return Status.FAILED_RETRYABLE
        if result.status is not UpstreamStatus.DONE:
            return STATUSES[result.status]
        return Status.COMPLETE if self.scan is not None and self.scan.verdict is Verdict.CLEAN else Status.PARTIAL


def undone(result: UpstreamResult) -> str:
    """Why a subject is not gone upstream, and what to do."""
    reason = "" if result.reason is None else f" ({result.reason})"
    return f"upstream {result.status}{reason}: run `sunlake erase apply` again for the same plan"


def said(report: ScanReport, *, again: str = "apply") -> str:
    """Why a scan proves nothing, and what to do before the command `again` is called again."""
    if report.verdict is Verdict.RESIDUAL:
        places = ", ".join(sorted({hit.path for hit in report.hits})[:5])
        traces = counted(report.residual, "trace")
        found = f"the scan found {traces}, in {places}; remove what is left there, then {again} again"
        return found + _own_temporary(hit.path for hit in report.hits)
    if report.verdict is Verdict.VOID:
        return "the scan did not find what was planted for it, so it proves nothing; report this as a bug"
    places = ", ".join(sorted({unread.path for unread in report.unreadable})[:5])
    files = counted(len(report.unreadable), "file")
    found = f"the scan could not read {files} ({places}); give the right to read what is there"
    return found + _own_temporary(unread.path for unread in report.unreadable)


def _own_temporary(paths: Iterable[str]) -> str:
    """What else helps where it is in a folder that TMPDIR names, and in which other programs may write."""
    if not any(path.startswith("tmp/") for path in paths):
        return ""
    return "; tmp is what TMPDIR names: let it name a folder that only sunlake uses, or leave it unset"


STATUSES: Final = {
    UpstreamStatus.PENDING: Status.UPSTREAM_PENDING,
    UpstreamStatus.FAILED_RETRYABLE: Status.FAILED_RETRYABLE,
    UpstreamStatus.FATAL: Status.FATAL,
}
"""The status of a subject by how far its erasure upstream has come."""
