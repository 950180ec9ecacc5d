"""A folder for what is redacted and what is not yet: in the lake's private part, and gone when the copy is made."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.lake import storage
from pipeline.lake.layout import Lake
from pipeline.spill import spill_folder


@contextmanager
def scratch_folder(lake: Lake) -> Iterator[Path]:
    """A folder of mode 0700; one that a killed process left is removed.

    Raises:
        OSError, StorageError: it can't be made.
    """
    folder = spill_folder(lake.private)
    storage.make_folder(folder.parent)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
