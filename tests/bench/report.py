"""Markdown: tables, and the description of the machine that a measurement is worth nothing without."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

LIBRARIES = (
    *("httpx", "httpx-aiohttp", "aiohttp", "msgspec", "pyarrow", "duckdb", "sqlalchemy", "uvicorn", "httptools"),
)


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are figures."""
    marks = ["---", *("---:" for _ in heading[1:])]
    return "\n".join("| " + " | ".join(row) + " |" for row in (heading, marks, *rows))


def machine(*, dlt: str | None, load: Sequence[float]) -> str:
    """What ran where; load averages are those before each process that was measured."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join([*(f"{name} {version(name)}" for name in LIBRARIES), f"dlt {dlt}" if dlt else "no dlt"])
    return (
        f"{datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB of memory, "
        f"{platform.system()}, Python {platform.python_version()}, {versions}. "
        f"Load average (1 minute) before each process: {min(load):.1f} to {max(load):.1f}, "
        f"{sum(load) / len(load):.1f} on average; this includes what the benchmark itself left behind."
    )


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
