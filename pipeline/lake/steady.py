"""Reads files of the lake beside a compaction or an erasure, which may replace them at any moment."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from pipeline.errors import LakeError
from pipeline.lake.store import StoredFile

ATTEMPTS: Final = 10

Read = TypeVar("Read")
File = TypeVar("File", Path, StoredFile)


def read_steadily(
    list_files: Callable[[], Sequence[File]], read: Callable[[Sequence[File]], Read], *, attempts: int = ATTEMPTS
) -> Read:
    """What `read` makes of the files; asked again with those of now if some were replaced while it read.

    Raises:
        LakeError: of `read`, with files that are the same before and after, or after so many attempts.
    """
    for left in reversed(range(attempts)):
        files = list_files()
        before = [_version(file) for file in files]
        try:
            return read(files)
        except LakeError:
            now = list_files()
            if not left or (list(now) == list(files) and [_version(file) for file in now] == before):
                raise
    raise AssertionError


def _version(file: Path | StoredFile) -> Hashable:
    if isinstance(file, StoredFile):
        return file
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
