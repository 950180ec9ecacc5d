"""Tells what goes on, and keeps how busy the machine is meanwhile."""

from __future__ import annotations

import os
import time

loads: list[float] = []
"""Load averages, taken before each process that is measured."""

_BEGUN = time.monotonic()


def say(text: str) -> None:
    """Print a line with the time since the start."""
    print(f"{elapsed():6.0f} s  {text}", flush=True)


def elapsed() -> float:
    """Seconds since the start."""
    return time.monotonic() - _BEGUN


def note_load() -> None:
    """Take a load average."""
    loads.append(os.getloadavg()[0])
