"""What the response model is held against: textbook SQL, and polars in an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb

from tests.bench.job import Figures
from tests.bench.run_job import DLT_VENV, LONGEST_SECONDS

POLARS_REQUIREMENT = "polars>=1.30,<3"
MEMORY_LIMIT = "4GB"

_SCRIPT = Path(__file__).with_name("warehouse_polars.py")
_QUERY = Path(__file__).with_name("warehouse_window.sql")
_PATTERNS = {"messages": "*/*/*.parquet", "conversations": "*/*.parquet"}

Totals = dict[str, list[int]]
"""By app: turns, answered turns, and the sum of their reply times in ms."""


def by_windows(lake: Path, spilled: Path) -> Totals:
    """One query of textbook SQL over the whole lake."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": str(spilled),
        "preserve_insertion_order": False,
    }
    with duckdb.connect(config=config) as duck:
        duck.execute("set TimeZone = 'UTC'")
        for table, pattern in _PATTERNS.items():
            duck.execute(f"""
                create view {table} as
                from read_parquet(
                    '{lake / table / pattern}', hive_partitioning = true, hive_types = {{'app_id': varchar}}
                )
            """)
        return {app: list(totals) for app, *totals in duck.execute(_QUERY.read_text()).fetchall()}


def by_polars(lake: Path) -> Figures:
    """Run the same in polars; figures with `totals`.

    Raises:
        RuntimeError: it failed; the message has the end of what it said.
    """
    command = [str(_python()), str(_SCRIPT), str(lake.absolute())]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False)
    if ended.returncode:
        raise RuntimeError(f"polars failed: {ended.stderr[-2000:]}")
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def install_polars() -> str | None:
    """Put polars beside dlt unless it is there; returns its version, or None where it can't be had."""
    if not _python().exists():
        subprocess.run([sys.executable, "-m", "venv", str(DLT_VENV)], check=True)
    show = [str(_python()), "-c", "from importlib.metadata import version; print(version('polars'))"]
    if subprocess.run(show, capture_output=True, check=False).returncode:
        pip = [str(_python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, POLARS_REQUIREMENT], stderr=subprocess.DEVNULL, check=False)
    ended = subprocess.run(show, capture_output=True, text=True, check=False)
    return None if ended.returncode else ended.stdout.strip()


def _python() -> Path:
    return DLT_VENV / "bin/python"
