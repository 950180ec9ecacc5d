"""What a contender is told, and how it measures itself; imports nothing that dlt's own environment lacks."""

from __future__ import annotations

import json
import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Figures = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One contender's work.

    Args:
        contender: which.
        base_url: of the server.
        app_id: whose conversations.
        key_id: of a key.
        secret: of the same key.
        folder: an empty folder for what it writes.
        seeds: a seeds file of JSON lines; all but the export need conversation_id in each.
        tuned: dlt with all that makes it faster.
    """

    contender: str
    base_url: str
    app_id: str
    key_id: str
    secret: str
    folder: str
    seeds: str
    tuned: bool = False

    def conversation_ids(self) -> list[str]:
        """The conversations in the file of seeds."""
        return [json.loads(line)["conversation_id"] for line in Path(self.seeds).read_text().splitlines()]

    def messages_path(self, conversation_id: str) -> str:
        """The path of a conversation's messages."""
        return f"/v2/apps/{self.app_id}/conversations/{conversation_id}/messages"


class Meter:
    """Wall seconds, CPU seconds and peak memory in MiB from now on; with those of ended children."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = _cpu()

    def read(self) -> dict[str, float]:
        """The figures so far."""
        return {
            "seconds": time.perf_counter() - self._wall,
            "cpu": _cpu() - self._cpu,
            "rss": _peak() + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
        }


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _peak() -> float:
    # ru_maxrss would begin with the size of the process that started this one.
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
