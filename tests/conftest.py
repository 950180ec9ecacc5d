"""Where tests write, how long an example may take, and which files begin.

They write into memory where there is room for it, since they would wait for the disk most of the time. A process that
is killed loses nothing of what it wrote, on a disk or in memory, so no test proves less. What must reach the disk is
seen by the calls that send it there.

An example made up by hypothesis may take any time: how long it does tells of the machine's other work.

A shell lets what it starts in the background ignore SIGINT, and so would everything that tests start and interrupt.
"""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
from hypothesis import settings

MEMORY = Path("/dev/shm")
ENOUGH_BYTES = 4 << 30
ROOT = "PYTEST_DEBUG_TEMPROOT"

if ROOT not in os.environ and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ENOUGH_BYTES:
    os.environ[ROOT] = str(MEMORY)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("sunlake", settings(), deadline=None)  # beside what hypothesis itself sets in CI
settings.load_profile("sunlake")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what is slow: files are given out in this order, and the last ones should end at the same time."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
