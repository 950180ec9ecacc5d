"""The copies that a batch asks for: written for those who want one, destroyed for those who are erased."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.lake.values import cut
from pipeline.privacy.access.ask import Upstream, open_upstream
from pipeline.privacy.access.register import complete_copy, destroy_access, enter_copy, expire_access
from pipeline.privacy.access.told import Asked
from pipeline.privacy.access.write import AccessExport, access_path, write_access
from pipeline.privacy.deeds.journal import BatchJournal
from pipeline.privacy.deeds.words import Status, Step
from pipeline.privacy.desk import Desk
from pipeline.suppression.subjects import Subject

UNNAMED = "the operator of this export"


@dataclass(slots=True)
class Copies:
    """How many copies there are, and how many of those written now lack what upstream might have told."""

    count: int = 0
    stale: int = 0

    @property
    def problems(self) -> list[str]:
        """What is left to do, in words."""
        said = "copies may be incomplete: Sunshine Conversations did not tell everything; apply again"
        return [f"{self.stale:,} {said}"] if self.stale else []


async def write_copies(
    desk: Desk,
    journal: BatchJournal,
    subjects: Sequence[Subject],
    *,
    erased: Sequence[Subject] = (),
    out: Path | None = None,
) -> Copies:
    """Write the copies of a batch, each once; and destroy what copies there are of people who are being erased.

    A copy for which upstream did not answer everything is written, and written anew when the batch goes on.

    Args:
        desk: the desk.
        journal: each copy is a deed.
        subjects: who asked for a copy.
        erased: who is being erased.
        out: the folder; by default one in the lake's own folder.

    Raises:
        CorruptLakeError: a file of the lake can't be read.
        StorageError: a copy can't be written.
    """
    expire_access(desk.lake, now=datetime.now(UTC))
    for subject in erased:
        if count := destroy_access(desk.lake, tag=subject.tag):
            journal.end(Step.FILES, subject.tag, Status.DONE, copies=count)
    folder = out or desk.lake.private / "privacy" / "copies" / journal.batch
    copies = Copies(len(subjects))
    for app_id in dict.fromkeys(subject.app_id for subject in subjects):
        async with open_upstream(desk.settings, app_id, is_offline=False) as upstream:
            for subject in subjects:
                if subject.app_id == app_id and not journal.done(Step.ACCESS, subject.tag):
                    export = await write_copy(desk, journal, subject, folder, upstream=upstream)
                    copies.stale += export.asked is not Asked.COMPLETE
    return copies


async def write_copy(
    desk: Desk, journal: BatchJournal, subject: Subject, folder: Path, *, upstream: Upstream
) -> AccessExport:
    """Ask for one person again and write the copy; it is in the register before the first byte is on the disk."""
    now = cut(datetime.now(UTC))
    journal.begin(Step.ACCESS, subject.tag)
    privacy = desk.settings.privacy
    path, lifetime = access_path(folder, subject.tag), timedelta(days=privacy.access_days)
    copy = enter_copy(desk.lake, journal.batch, tag=subject.tag, path=path, now=now, lifetime=lifetime)
    export = await write_access(
        desk.lake,
        desk.ledger,
        subject,
        folder,
        controller=privacy.controller or UNNAMED,
        recipients=privacy.recipients,
        now=now,
        upstream=upstream,
    )
    complete_copy(desk.lake, journal.batch, copy, export)
    is_stale = export.asked in {Asked.PARTIAL, Asked.NO_KEY}
    status = Status.FAILED_RETRYABLE if is_stale else Status.DONE
    journal.end(Step.ACCESS, subject.tag, status, bytes=export.bytes)
    return export
