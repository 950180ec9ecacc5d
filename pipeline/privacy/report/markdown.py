"""The report of a batch as Markdown. Every text that comes from elsewhere is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from pipeline.privacy.report.report import BatchReport, Certificate
from pipeline.privacy.report.status import Open
from pipeline.privacy.scan.findings import Hit
from pipeline.privacy.scan.report import ScanReport
from pipeline.privacy.wording import counted

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]()#+.!|<>~&-])")
_MOST_ROWS: Final = 200  # of hits; the JSON has all


def render_markdown(report: BatchReport) -> str:
    """The report for people to read and keep."""
    return "\n".join(_lines(report)) + "\n"


def escaped(text: object) -> str:
    """A text in which no character means anything to Markdown or HTML, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The lines of a table; None is an empty cell."""
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join('' if cell is None else escaped(cell) for cell in row)} |"


def _lines(report: BatchReport) -> Iterator[str]:
    status = report.status
    yield from (f"# Batch {escaped(status.batch_id)}: {status.state}", "")
    if report.controller:
        yield from (f"Controller: {escaped(report.controller)}", "")
    yield f"Plan `{status.plan_id}` of {escaped(status.created_at)}; report of {escaped(report.written_at)}."
    yield from ("", "## Requests", "")
    yield from table(("outcome", "requests"), status.outcomes.items())
    yield from _deadlines(report)
    yield from ("", "## What was done", "")
    yield from table(("upstream answer", "calls"), report.calls.items())
    yield ""
    yield from table(("step", "counts"), ((step, _counts(counts)) for step, counts in report.done.items()))
    if status.left:
        yield from ("", "Not done: " + _left(status.left))
    yield from ("", "## Verification scan", "")
    yield from _scan(report.scan) if report.scan is not None else ["There was no scan yet; nothing is proven."]
    yield from ("", "## Not reached, not proven", "")
    yield from (f"- not reached: {escaped(text)}" for text in report.unreached)
    yield from (f"- not proven: {escaped(text)}" for text in report.not_proven)
    yield from ("", "## Recipients to be told (GDPR Art. 19)", "")
    yield from [f"- {escaped(name)}" for name in report.recipients] or ["None is named in the settings."]
    yield from ("", "## Ledger of deeds", "")
    yield f"Last deed: {report.head.seq}, hash `{report.head.hash}`; `sunlake erase verify` compares with it."
    yield from ("", "## Certificates", "")
    for certificate in report.certificates:
        yield from _certificate(certificate)


def _deadlines(report: BatchReport) -> Iterator[str]:
    if report.status.warnings:
        yield from ("", "### Deadlines", "")
        rows = (
            (each.request_ref, each.due_at, each.urgency.replace("_", " "), each.outcome)
            for each in report.status.warnings
        )
        yield from table(("request", "due", "", "outcome"), rows)
    unfinished = [(each.request_ref, _left(each.left)) for each in report.status.requests if each.left]
    if unfinished:
        yield from ("", "### Left to do", "")
        yield from table(("request", "steps"), unfinished)


def _scan(scan: ScanReport) -> Iterator[str]:
    found, allowed = sum(scan.canaries.values()), sum(hit.count for hit in scan.allowed)
    files, size = counted(scan.files, "file"), counted(scan.bytes, "byte")
    needles, residual = counted(sum(scan.needles.values()), "needle"), counted(scan.residual, "hit")
    yield (
        f"**{scan.verdict}**: {files}, {size} on the disk, {scan.decoded_bytes:,} decoded; "
        f"{needles}; control {found} of {len(scan.canaries)} found; "
        f"{residual}, {allowed:,} allowed; {len(scan.unreadable)} unreadable"
    )
    yield from (
        "",
        f"Places: {escaped(', '.join(scan.roots))}. Not there: {escaped(', '.join(scan.absent) or 'none')}.",
    )
    for title, hits in (("Hits", scan.hits), ("Allowed hits, in rows that mention a subject", scan.allowed)):
        if hits:
            yield from ("", f"### {title}", "")
            yield from table(("file", "place", "kind", "written as", "count"), map(_hit, hits[:_MOST_ROWS]))
            if len(hits) > _MOST_ROWS:
                yield from ("", f"... and {len(hits) - _MOST_ROWS:,} more in the JSON report.")
    if scan.unreadable:
        yield from ("", "### Unreadable", "")
        yield from table(("file", "reason"), ((each.path, each.reason) for each in scan.unreadable))
    if scan.left_out:
        yield from ("", "### Values that were not looked for", "")
        yield from table(("kind and reason", "values"), scan.left_out.items())


def _hit(hit: Hit) -> tuple[object, ...]:
    return hit.path, hit.place, hit.kind, hit.encoding, hit.count


def _certificate(certificate: Certificate) -> Iterator[str]:
    yield f"### {escaped(certificate.request_ref)}"
    yield ""
    facts: Mapping[str, Any] = {
        "tag": certificate.tag,
        "action": certificate.action,
        "outcome": certificate.outcome,
        "received": certificate.received_at,
        "due": certificate.due_at,
        "last deed": certificate.finished_at,
        "steps": _counts(certificate.steps),
    }
    yield from table(("", ""), facts.items())
    yield ""


def _left(steps: Iterable[Open]) -> str:
    return ", ".join(f"{each.step} ({each.status or 'begun'})" for each in steps)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
