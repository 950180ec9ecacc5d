"""A file of the lake for readers that need it on this machine's disk; one at a time, so that no lake fills the disk."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.lake.layout import Lake


@contextmanager
def local_copy(lake: Lake, path: str, *, folder: Path | None = None) -> Iterator[Path]:
    """The file itself where the lake lies on this disk, else a copy that is gone when the context ends.

    Args:
        lake: the lake.
        path: relative to its root.
        folder: for the copy, and for nothing else; by default one in which a scan finds what a killed process left.

    Raises:
        CorruptLakeError: it is not there.
        StorageError: it can't be copied.
    """
    place = folder or lake.private / "tmp" / f"copy-{os.getpid()}-{secrets.token_hex(4)}"
    with lake.store.local([path], folder=place) as (file,):
        yield file
