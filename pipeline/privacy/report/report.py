"""The report of a batch, for the file: what was asked, done, proven and not proven. It holds no personal data.

The same facts as JSON and as Markdown, with one certificate per request (gdpr.md, section 9).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from pipeline.privacy.deeds.deed import Deed
from pipeline.privacy.deeds.head import Head
from pipeline.privacy.deeds.words import Event, Step
from pipeline.privacy.report.status import BatchStatus, batch_status
from pipeline.privacy.scan.report import NOT_PROVEN, ScanReport

UNREACHED: Final = (
    "tickets and users in Zendesk Support, which are another API",
    "media that third-party channels host, and the channels' own copies of the conversations",
    "your own files and databases, such as seeds, and what a query read the requests from",
    "the vendor's caches and backups; removed uploads may be served for up to 15 minutes",
    "mentions in what others wrote, which can't be edited upstream: a lake without this list of suppressions gets them",
)
"""Copies that sunlake has no way to reach; every report lists them."""

_LAST: Final = frozenset({Step.SCAN, Step.CLOSE})  # done anew by every run of a batch, and only the last one counts
_CALLS: Final = re.compile(r"calls_(\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What became of one request. `steps` counts the steps done by name."""

    request_ref: str
    tag: str | None
    action: str
    outcome: str
    received_at: str
    due_at: str
    finished_at: str | None
    steps: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReport:
    """The facts of a report.

    Args:
        controller: who is responsible, from the settings.
        written_at: an ISO time in UTC.
        status: how far every request has come, with deadlines.
        planned: the counts of the plan.
        calls: upstream calls by status of the answer.
        done: the counts of each step, summed over its deeds, of scans the last one's; "rewrite" holds files, rows and
            bytes.
        scan: the last scan, or None if there was none yet.
        head: the last deed that the report covers; keep it, for it finds a ledger that was cut or rolled back.
        certificates: one per request.
        recipients: who was given data, and must be told (GDPR Art. 19).
        unreached: copies that were not erased.
        not_proven: what the scan can't show.
    """

    controller: str
    written_at: str
    status: BatchStatus
    planned: Mapping[str, Any]
    calls: Mapping[str, int]
    done: Mapping[str, Mapping[str, int]]
    scan: ScanReport | None
    head: Head
    certificates: tuple[Certificate, ...]
    recipients: tuple[str, ...]
    unreached: tuple[str, ...]
    not_proven: tuple[str, ...] = NOT_PROVEN


def batch_report(
    plan: Mapping[str, Any],
    deeds: Iterable[Deed],
    *,
    head: Head,
    scan: ScanReport | None = None,
    controller: str = "",
    recipients: Sequence[str] = (),
    unreached: Sequence[str] = (),
    now: datetime | None = None,
) -> BatchReport:
    """The report of a batch as of now.

    Args:
        plan: the content of plan.json.
        deeds: those of the batch, oldest first.
        head: the ledger's head.
        scan: the outcome of the last scan.
        controller: who is responsible, from the settings.
        recipients: who was given data, from the settings.
        unreached: copies that this batch could not reach, besides those that none can.
        now: an aware moment, by default this one.
    """
    moment = datetime.now(UTC) if now is None else now
    known = list(deeds)
    status = batch_status(plan, known, now=moment)
    return BatchReport(
        controller=controller,
        written_at=moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        status=status,
        planned=dict(plan.get("counts", {})),
        calls=_calls(known),
        done=_done(known),
        scan=scan,
        head=head,
        certificates=tuple(_certificates(status, known)),
        recipients=tuple(recipients),
        unreached=(*unreached, *UNREACHED),
        not_proven=NOT_PROVEN if scan is None else scan.not_proven,
    )


def render_json(report: BatchReport) -> bytes:
    """The report as JSON, indented and the same for equal reports."""
    facts = msgspec.to_builtins(report)
    facts["status"]["outcomes"] = report.status.outcomes
    facts["status"]["warnings"] = [request.request_ref for request in report.status.warnings]
    facts["head"] = {"seq": report.head.seq, "hash": report.head.hash}
    if report.scan is not None:
        facts["scan"]["verdict"] = report.scan.verdict
    return msgspec.json.format(msgspec.json.encode(facts, order="sorted"), indent=2) + b"\n"


def _certificates(status: BatchStatus, deeds: Iterable[Deed]) -> Iterable[Certificate]:
    steps: dict[str | None, Counter[str]] = {}
    for deed in deeds:
        if deed.event is Event.END and deed.step is not None:
            steps.setdefault(deed.tag, Counter())[deed.step] += 1
    for request in status.requests:
        yield Certificate(
            request_ref=request.request_ref,
            tag=request.tag,
            action=request.action,
            outcome=request.outcome,
            received_at=request.received_at,
            due_at=request.due_at,
            finished_at=request.finished_at,
            steps=dict(sorted(steps.get(request.tag, Counter()).items())) if request.tag else {},
        )


def _calls(deeds: Iterable[Deed]) -> dict[str, int]:
    calls: Counter[str] = Counter()
    for deed in deeds:
        for name, count in deed.counts.items():
            if found := _CALLS.fullmatch(name):
                calls[found[1]] += count
    return dict(sorted(calls.items()))


def _done(deeds: Iterable[Deed]) -> dict[str, dict[str, int]]:
    done: dict[Step, Counter[str]] = {}
    for deed in deeds:
        if deed.event is Event.END and deed.step is not None:
            if deed.step in _LAST:
                done.pop(deed.step, None)
            done.setdefault(deed.step, Counter()).update(
                {name: count for name, count in deed.counts.items() if not _CALLS.fullmatch(name)}
            )
    return {step.value: dict(sorted(counts.items())) for step, counts in done.items()}
