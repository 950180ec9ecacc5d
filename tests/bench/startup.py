"""Wall and CPU seconds of `sunlake --help`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from tests.bench.progress import say

TIMES = 5


def measure() -> tuple[float, float]:
    """Medians of wall and of CPU seconds."""
    command = [str(Path(sys.executable).with_name("sunlake")), "--help"]
    walls, cpus = [], []
    for _ in range(TIMES):
        begun = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        walls.append(time.perf_counter() - begun)
        cpus.append(usage.ru_utime + usage.ru_stime)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"sunlake --help ended with {process.returncode}")
    say(f"sunlake --help: {median(walls):.2f} s")
    return median(walls), median(cpus)
