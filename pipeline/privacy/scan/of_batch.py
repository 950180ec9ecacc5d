"""The scan of a batch: all places where sunlake may have written of its people, and what may stay there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.config import prefect_home
from pipeline.privacy.access.register import list_copies
from pipeline.privacy.desk import Desk
from pipeline.privacy.people.lake_view import open_view
from pipeline.privacy.people.mentioning import mentioning_rows
from pipeline.privacy.people.shared import shared_values
from pipeline.privacy.scan.allowed import RowKey
from pipeline.privacy.scan.needles import needles_of
from pipeline.privacy.scan.objects import Objects
from pipeline.privacy.scan.places import places
from pipeline.privacy.scan.report import ScanReport
from pipeline.privacy.scan.roots import Progress, Root
from pipeline.privacy.scan.scan import scan
from pipeline.suppression.subjects import Action, Subject
from pipeline.walk.ledger import ledger_file


def prove(
    desk: Desk, subjects: Sequence[Subject], *, source: str | None = None, on_progress: Progress | None = None
) -> ScanReport:
    """Scan for subjects that were erased.

    Args:
        desk: the desk.
        subjects: who should be gone.
        source: the file that the requests came in, if it was one; it names everybody, so it should be gone as well.
        on_progress: told of files and bytes.

    Raises:
        LakeError: a file of the lake can't be read.
    """
    return scan(
        scanned_roots(desk, source=source),
        needles_of(subjects, shared=shared_values(desk, subjects), scope=desk.settings.privacy.scope),
        work=desk.lake.private / "tmp",
        stores=[] if desk.lake.is_here else [Objects("bucket", desk.lake.store.history)],
        allowed=tuple(_allowed(desk, subjects)),
        on_progress=on_progress,
    )


def scanned_roots(desk: Desk, *, source: str | None = None) -> list[Root]:
    """Where a scan looks (gdpr.md, section 8)."""
    privacy = desk.settings.privacy
    url = desk.settings.ledger_url
    return places(
        desk.lake,
        inputs=[Path(source)] if source is not None else [],
        access=sorted({Path(copy.path).parent for copy in list_copies(desk.lake)}),
        prefect_home=Path(privacy.prefect_home).expanduser() if privacy.prefect_home else prefect_home(),
        ledger=ledger_file(url) if url else None,
        extra=[Path(root) for root in privacy.scan_roots],
        temporary=Path(os.environ["TMPDIR"]) if os.environ.get("TMPDIR") else None,
    )


def _allowed(desk: Desk, subjects: Sequence[Subject]) -> Iterator[RowKey]:
    """The rows of others that mention a subject and are reported, not redacted.

    Where mentions are redacted, those of people who asked for less than erasure, and what identifies somebody else.
    """
    is_redacted = desk.settings.privacy.mentions == "redact"
    for app_id in dict.fromkeys(subject.app_id for subject in subjects):
        own = [subject for subject in subjects if subject.app_id == app_id]
        kept = {number for number, subject in enumerate(own) if subject.action is not Action.ERASE or not is_redacted}
        with open_view(desk.lake, desk.ledger, app_id) as view:
            for row in mentioning_rows(view, own):
                if row.is_kept or row.subjects & kept:
                    yield row.table, app_id, tuple(value or "" for value in row.key)
