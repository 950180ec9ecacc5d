"""Reads files of the lake beside a compaction or an erasure, which may replace them at any moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from pipeline.errors import LakeError

ATTEMPTS: Final = 10

Read = TypeVar("Read")
_Version: TypeAlias = tuple[int, int, int] | None


def read_steadily(
    list_files: Callable[[], Sequence[Path]], read: Callable[[Sequence[Path]], Read], *, attempts: int = ATTEMPTS
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


def _version(file: Path) -> _Version:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
