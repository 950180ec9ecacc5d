"""Durable file operations on a local disk. All that the commit protocol does to the disk is done here.

An error of the system becomes a StorageError that says what to do; it never holds more than a path of the lake, in
which there is nothing personal.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import StorageError

_REMEDIES = {
    errno.ENOSPC: "the disk is full; free space and run the command again",
    errno.EDQUOT: "the disk quota is used up; free space and run the command again",
    errno.EFBIG: "a file grew beyond the limit of this process (ulimit -f); raise it and run the command again",
    errno.EROFS: "the lake is on a read-only file system; choose another lake",
    errno.EACCES: "permission denied; give this user the right to write the lake",
    errno.EPERM: "permission denied; give this user the right to write the lake",
    errno.EEXIST: "a file stands where a folder is needed; move it away and run the command again",
    errno.ENOTDIR: "a file stands where a folder is needed; choose another lake",
}


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn what the operating system refuses into a StorageError.

    Raises:
        StorageError: with the reason and the remedy. Nothing that was committed before is touched.
    """
    try:
        yield
    except OSError as error:
        reason = _REMEDIES.get(error.errno or 0, error.strerror or type(error).__name__)
        where = f" ({error.filename})" if error.filename else ""
        raise StorageError(f"the lake can't be written{where}: {reason}") from None


def make_folder(path: Path) -> None:
    """Create a folder and its parents durably; no error if it is there."""
    with storage_errors():
        if path.is_dir():
            return
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        _sync(path.parent, os.O_RDONLY | os.O_DIRECTORY)


def sync_file(path: Path) -> None:
    """Return when the file's bytes are on the disk."""
    with storage_errors():
        _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Return when the folder's entries are on the disk."""
    with storage_errors():
        _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def rename(source: Path, target: Path) -> None:
    """Move a file into place; a reader sees the old target or the new one, never half."""
    with storage_errors():
        source.replace(target)


def copy(source: Path, target: Path) -> None:
    """Copy a file's bytes."""
    with storage_errors():
        shutil.copyfile(source, target)


def unlink(path: Path) -> None:
    """Remove a file; no error if it is gone already."""
    with storage_errors():
        path.unlink(missing_ok=True)


def remove_tree(path: Path) -> None:
    """Remove a folder with all that is in it; no error if it is gone already."""
    with storage_errors():
        if path.exists():
            shutil.rmtree(path)


def write_atomic(path: Path, data: bytes) -> None:
    """Write a small file so that it is there whole or not at all."""
    with storage_errors():
        make_folder(path.parent)
        temporary = path.with_name(f"{path.name}.{os.urandom(4).hex()}.tmp")
        temporary.write_bytes(data)
        _sync(temporary, os.O_RDONLY)
        temporary.replace(path)
        _sync(path.parent, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
