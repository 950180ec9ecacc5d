"""The register of copies: where each was written and until when it may stay. Whatever is in it is deleted in time.

A copy is entered before it is written, so that a process that is killed leaves none behind that nobody knows of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from pipeline.errors import CorruptLakeError
from pipeline.lake import storage
from pipeline.lake.layout import Lake
from pipeline.privacy.access.archive import part_of
from pipeline.privacy.access.write import AccessExport

LIFETIME: Final = timedelta(days=7)


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """A copy on the disk, or one that is being written.

    Args:
        tag: the subject's tag.
        path: the zip.
        expires_at: when it is to be deleted.
        sha256: of the zip; None while it is being written.
        bytes: its size.
    """

    tag: str
    path: str
    expires_at: datetime
    sha256: str | None = None
    bytes: int = 0


def enter_copy(
    lake: Lake, batch_id: str, *, tag: str, path: Path, now: datetime, lifetime: timedelta = LIFETIME
) -> Copy:
    """Enter a copy that is about to be written; one at the same path is superseded.

    Raises:
        StorageError: the register can't be written; the copy must not be either.
    """
    copy = Copy(tag=tag, path=str(path.absolute()), expires_at=now + lifetime)
    _put(lake, batch_id, copy)
    return copy


def complete_copy(lake: Lake, batch_id: str, copy: Copy, export: AccessExport) -> Copy:
    """Enter what the copy turned out to be."""
    done = Copy(tag=copy.tag, path=copy.path, expires_at=copy.expires_at, sha256=export.sha256, bytes=export.bytes)
    _put(lake, batch_id, done)
    return done


def list_copies(lake: Lake) -> list[Copy]:
    """All copies that may be on a disk, oldest batch first; each path is a root of the scan.

    Raises:
        CorruptLakeError: a file of the register is damaged; the message names it.
    """
    return [copy for _, copies in _read_all(lake) for copy in copies]


def expire_access(lake: Lake, *, now: datetime) -> int:
    """Delete the copies whose time is up; returns how many."""
    return _delete(lake, lambda copy: copy.expires_at <= now)


def destroy_access(lake: Lake, *, tag: str) -> int:
    """Delete the copies of one subject, who is being erased; returns how many."""
    return _delete(lake, lambda copy: copy.tag == tag)


def _delete(lake: Lake, is_due: Callable[[Copy], bool]) -> int:
    count = 0
    for file, copies in list(_read_all(lake)):
        due = [copy for copy in copies if is_due(copy)]
        if not due:
            continue
        for copy in due:
            path = Path(copy.path)
            for found in (path, part_of(path)):
                storage.unlink(found)
            if path.parent.is_dir():
                storage.sync_folder(path.parent)
        count += len(due)
        _write(file, [copy for copy in copies if copy not in due])
    return count


def _put(lake: Lake, batch_id: str, copy: Copy) -> None:
    file = _folder(lake) / f"{batch_id}.json"
    others = [known for known in _read(file) if known.path != copy.path] if file.exists() else []
    _write(file, [*others, copy])


def _write(file: Path, copies: list[Copy]) -> None:
    if not copies:
        storage.unlink(file)
        return
    storage.make_folder(file.parent)
    with storage.storage_errors():
        for folder in (file.parent.parent, file.parent):
            folder.chmod(0o700)
    storage.write_atomic(file, msgspec.json.encode(copies))
    with storage.storage_errors():
        file.chmod(0o600)


def _read_all(lake: Lake) -> Iterator[tuple[Path, list[Copy]]]:
    for file in sorted(_folder(lake).glob("*.json")):
        yield file, _read(file)


def _read(file: Path) -> list[Copy]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=list[Copy])
    except msgspec.DecodeError:
        raise CorruptLakeError(
            f"{file} is damaged: look for copies named access-*.zip by hand, delete them, then delete this file"
        ) from None


def _folder(lake: Lake) -> Path:
    return lake.private / "privacy" / "access"
