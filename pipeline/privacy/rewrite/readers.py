"""Waits for those who may still keep, in temporary files, what they read before the lake was rewritten."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from pipeline.lake import storage
from pipeline.privacy.wording import counted
from pipeline.spill import in_use_by_others

RETRY_SECONDS: Final = 0.25


def still_reading(temporary: Path, *, seconds: float) -> str | None:
    """Wait as `others_done` does; what is to be said, and to be done, if some go on. None if nobody does.

    Raises:
        StorageError: the folder can't be read.
    """
    running = others_done(temporary, seconds=seconds)
    if not running:
        return None
    names = ", ".join(folder.name for folder in running[:5])
    queries = counted(len(running), "running query", "running queries")
    return (
        f"{queries} may still keep what was there before, in _sunlake/tmp ({names}: host and process id); "
        "when that process has ended, do it again"
    )


def others_done(temporary: Path, *, seconds: float) -> list[Path]:
    """Wait until other processes have left the folders that they use now; returns those that they have not.

    Args:
        temporary: the lake's folder of temporary files.
        seconds: how long to wait. Folders that come meanwhile are of queries over the lake as it is now.

    Raises:
        StorageError: the folder can't be read.
    """
    deadline = time.monotonic() + seconds
    with storage.storage_errors():
        waiting = set(in_use_by_others(temporary))
        while waiting and time.monotonic() < deadline:
            time.sleep(RETRY_SECONDS)
            waiting &= set(in_use_by_others(temporary))
    return sorted(waiting)
