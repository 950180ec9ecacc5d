"""Writes the report of a batch into its folder, as JSON and as Markdown, from the plan and the ledger of deeds."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.lake import storage
from pipeline.privacy.deeds.words import Event, Status, Step
from pipeline.privacy.desk import Desk
from pipeline.privacy.plan.form import Plan, SubjectPlan
from pipeline.privacy.report.markdown import render_markdown
from pipeline.privacy.report.report import batch_report, render_json
from pipeline.privacy.report.status import BatchStatus, batch_status, met_elsewhere
from pipeline.privacy.requests.store import StoredBatch, list_batches, load_batch
from pipeline.privacy.scan.report import ScanReport


def write_report(desk: Desk, batch_id: str, *, scan: ScanReport | None) -> Path:
    """Write report.json and report.md of a batch; returns the latter.

    Raises:
        StorageError: they can't be written.
    """
    batch = load_batch(desk.lake, batch_id)
    privacy = desk.settings.privacy
    # The report names the head that it covers, itself included.
    desk.deeds.append(batch_id, Event.REPORT)
    report = batch_report(
        _facts(batch),
        desk.deeds.read(batch_id),
        head=desk.deeds.head(),
        scan=scan,
        controller=privacy.controller or "",
        recipients=privacy.recipients,
        unreached=batch.plan.notes,
    )
    for name, content in (("report.json", render_json(report)), ("report.md", render_markdown(report).encode())):
        storage.write_atomic(batch.folder / name, content)
        with storage.storage_errors():
            (batch.folder / name).chmod(0o600)
    desk.deeds.append(batch_id, Event.END, step=Step.REPORT, status=Status.DONE)
    return batch.folder / "report.md"


def all_statuses(desk: Desk, *, now: datetime | None = None) -> list[BatchStatus]:
    """How far every batch has come, the oldest first. What one batch left out, a later one may have met.

    Raises:
        CorruptLakeError: a plan is damaged.
    """
    statuses = [
        batch_status(_facts(batch), desk.deeds.read(batch.batch_id), now=now) for batch in list_batches(desk.lake)
    ]
    return met_elsewhere(statuses)


def _facts(batch: StoredBatch) -> dict[str, Any]:
    plan = batch.plan
    return {
        "batch_id": batch.batch_id,
        "plan_id": plan.plan_id,
        "created_at": plan.created_at.isoformat(),
        "requests": [request for subject in plan.subjects for request in _requests(subject)],
        "counts": _counts(plan),
    }


def _requests(subject: SubjectPlan) -> list[dict[str, Any]]:
    return [
        {
            "request_ref": ref,
            "tag": subject.tag or None,
            "action": subject.action.value,
            "state": subject.state.value,
            "received_at": received_at.isoformat(),
            "due_at": subject.due_at.isoformat(),
        }
        for ref, received_at in zip(subject.request_refs, subject.received_at, strict=True)
    ]


def _counts(plan: Plan) -> dict[str, Any]:
    rows = sum((Counter(subject.rows) for subject in plan.subjects), Counter[str]())
    names = ("personal_conversations", "group_conversations", "own_messages_in_groups", "quotes", "mentions", "linked")
    return {
        "requests": plan.requests,
        "subjects": len(plan.subjects),
        "files": len(plan.files),
        "bytes": plan.bytes_to_rewrite,
        **{f"rows_{table}": count for table, count in sorted(rows.items())},
        **{name: plan.total(name) for name in names},
    }
