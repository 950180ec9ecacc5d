from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.lake.layout import Lake, new_commit_id
from pipeline.privacy.deeds.deeds import Deeds
from pipeline.privacy.deeds.journal import BatchJournal
from pipeline.privacy.report.markdown import escaped, render_markdown
from pipeline.privacy.report.records import records_of, render_records
from pipeline.privacy.report.report import batch_report, render_json
from pipeline.privacy.report.status import batch_status
from pipeline.privacy.scan.needles import Needles
from pipeline.privacy.scan.roots import Root
from pipeline.privacy.scan.scan import scan

BATCH = f"b{new_commit_id()}"
TAGS = [f"{number:032x}" for number in range(4)]
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def plan() -> dict[str, object]:
    """A plan with four requests: one overdue, one due soon, two in time, of which one is held."""
    due = ("2026-11-01T00:00:00+00:00", "2026-12-01T00:00:00Z", "2027-01-20T00:00:00Z", "2027-01-20T00:00:00Z")
    states = ("matched", "matched", "matched", "held")
    return {
        "plan_id": "cd" * 32,
        "batch_id": BATCH,
        "created_at": "2026-11-26T10:00:00Z",
        "counts": {"messages": 7},
        "requests": [
            {
                "request_ref": f"CASE-{number}|*x*",
                "tag": TAGS[number],
                "action": "erase",
                "state": states[number],
                "received_at": "2026-10-01T00:00:00Z",
                "due_at": due[number],
            }
            for number in range(4)
        ],
    }


@pytest.fixture
def deeds(tmp_path: Path) -> Deeds:
    """A batch under way: the first request done, the second failed for now, the third pending."""
    deeds = Deeds.open(Lake(tmp_path), key=b"k" * 32)
    journal = BatchJournal(deeds, BATCH)
    deeds.append(BATCH, "confirm")
    for tag, status, counts in zip(TAGS, ("done", "failed_retryable", "pending"), (1, 8, 2), strict=False):
        journal.begin("user", tag)
        journal.end("user", tag, status, calls_200=counts, calls_503=counts // 8)
    journal.begin("rewrite", "ab" * 16)
    journal.end("rewrite", "ab" * 16, "done", files=1, rows=30, bytes=4000)
    return deeds


def test_status_tells_what_is_left_and_what_presses(deeds: Deeds) -> None:
    """Outcomes follow from the last deed of each step, and deadlines warn seven days ahead."""
    status = batch_status(plan(), deeds.read(BATCH), now=NOW)
    assert status.state == "running"
    assert [request.outcome for request in status.requests] == ["running", "retryable", "pending", "held"]
    assert [(each.request_ref, each.urgency) for each in status.warnings] == [
        ("CASE-0|*x*", "overdue"),
        ("CASE-1|*x*", "due_soon"),
    ]
    assert [(each.step, each.status) for each in status.requests[1].left] == [("user", "failed_retryable")]


def test_status_follows_the_batch_to_its_end(deeds: Deeds, tmp_path: Path) -> None:
    """Without deeds a batch is planned; a step cut off is left; a close makes it partial or complete."""
    assert batch_status(plan(), [], now=NOW).outcomes == {"held": 1, "planned": 3}
    journal = BatchJournal(deeds, BATCH)
    journal.begin("leave", TAGS[0])
    left = batch_status(plan(), deeds.read(BATCH), now=NOW).requests[0].left
    assert [(each.step, each.status) for each in left] == [("leave", None)]
    deeds.append(BATCH, "close", status="partial")
    assert batch_status(plan(), deeds.read(BATCH), now=NOW).state == "partial"
    journal.end("leave", TAGS[0], "already")
    for tag in TAGS[1:3]:
        journal.end("user", tag, "done")
    deeds.append(BATCH, "close", status="complete")
    status = batch_status(plan(), deeds.read(BATCH), now=NOW)
    assert (status.state, status.outcomes) == ("complete", {"complete": 3, "held": 1})
    assert status.requests[0].urgency == "met"
    deeds.append(BATCH, "abort")
    assert batch_status(plan(), deeds.read(BATCH), now=NOW).state == "aborted"


def test_a_report_holds_the_facts_twice(deeds: Deeds, tmp_path: Path) -> None:
    """JSON and Markdown tell counts, calls, the scan, the ledger's head, recipients and one certificate per request."""
    outcome = scan([Root(label="extra", path=tmp_path / "none")], Needles((), {}), work=tmp_path / "work")
    report = batch_report(
        plan(),
        deeds.read(BATCH),
        head=deeds.head(),
        scan=outcome,
        controller="A | B <script>",
        recipients=["The [bank](x)"],
        unreached=["a snapshot"],
        now=NOW,
    )
    facts = json.loads(render_json(report))
    assert facts["head"] == {"seq": 9, "hash": deeds.head().hash}
    assert facts["calls"] == {"200": 11, "503": 1}
    assert facts["done"]["rewrite"] == {"bytes": 4000, "files": 1, "rows": 30}
    assert (facts["scan"]["verdict"], facts["scan"]["unreadable"][0]["path"]) == ("incomplete", "extra")
    assert [each["outcome"] for each in facts["certificates"]] == ["running", "retryable", "pending", "held"]
    assert render_json(report) == render_json(report)
    text = render_markdown(report)
    assert deeds.head().hash in text
    assert "swap" in text
    assert "a snapshot" in text
    assert "<script>" not in text
    assert "[bank](x)" not in text
    assert text.count(r"### CASE\-") == 4


def test_a_report_without_a_scan_says_so(deeds: Deeds) -> None:
    """Before the scan the report proves nothing, and says so."""
    report = batch_report(plan(), deeds.read(BATCH), head=deeds.head(), now=NOW)
    assert "nothing is proven" in render_markdown(report)


def test_escaped_text_has_no_meaning() -> None:
    """Line breaks, cells, links and tags can't be made by a text."""
    assert escaped("a\n| b <i> [x](y) `z`") == r"a \| b \<i\> \[x\]\(y\) \`z\`"


@dataclass(frozen=True)
class FakeColumn:
    """A column as the registry has it."""

    category: str


@dataclass(frozen=True)
class FakeTable:
    """A table as the registry has it."""

    columns: Mapping[str, FakeColumn]
    purpose: str = "counts people"


def test_records_of_processing_name_every_personal_column() -> None:
    """Each personal column comes with its description, category, purpose and retention; others do not."""
    users = FakeTable({"email": FakeColumn("D"), "brand_id": FakeColumn("-"), "metadata": FakeColumn("F")})
    records = records_of({"users": users}, retention={"users": "erased"})
    assert [(record.column, record.category) for record in records] == [("email", "D"), ("metadata", "F")]
    text = render_records(records, controller="ACME", recipients=[])
    assert "erased with the person" in text
    assert "E\\-mail address of the profile" in text
