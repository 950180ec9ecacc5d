"""The copies that a batch asks for: written for those who want one, destroyed for those who are erased."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.privacy.access.register import complete_copy, destroy_access, enter_copy, expire_access
from pipeline.privacy.access.write import AccessExport, access_path, write_access
from pipeline.privacy.deeds.journal import BatchJournal
from pipeline.privacy.deeds.words import Status, Step
from pipeline.privacy.desk import Desk
from pipeline.suppression.subjects import Subject

UNNAMED = "the operator of this export (set [privacy] controller in sunlake.toml)"


def write_copies(
    desk: Desk,
    journal: BatchJournal,
    subjects: Sequence[Subject],
    *,
    erased: Sequence[Subject] = (),
    out: Path | None = None,
) -> int:
    """Write the copies of a batch, each once; and destroy what copies there are of people who are being erased.

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
    for subject in subjects:
        if not journal.done(Step.ACCESS, subject.tag):
            write_copy(desk, journal, subject, folder)
    return len(subjects)


def write_copy(desk: Desk, journal: BatchJournal, subject: Subject, folder: Path) -> AccessExport:
    """Write the copy of one person into a folder; it is in the register before the first byte is on the disk."""
    now = datetime.now(UTC).replace(microsecond=0)
    journal.begin(Step.ACCESS, subject.tag)
    privacy = desk.settings.privacy
    path, lifetime = access_path(folder, subject.tag), timedelta(days=privacy.access_days)
    copy = enter_copy(desk.lake, journal.batch, tag=subject.tag, path=path, now=now, lifetime=lifetime)
    export = write_access(desk.lake, desk.ledger, subject, folder, controller=privacy.controller or UNNAMED, now=now)
    complete_copy(desk.lake, journal.batch, copy, export)
    journal.end(Step.ACCESS, subject.tag, Status.DONE, bytes=export.bytes)
    return export
