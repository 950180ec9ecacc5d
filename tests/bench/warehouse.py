"""Builds the warehouse of lakes of growing size, and holds its response model against other ways to the same result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from pipeline.lake.layout import Lake
from pipeline.warehouse.stored import warehouse_file
from tests.bench.job import Figures
from tests.bench.progress import note_load, say
from tests.bench.run_job import LONGEST_SECONDS, PROJECT
from tests.bench.warehouse_job import WarehouseJob
from tests.bench.warehouse_rivals import Totals, by_polars, install_polars


@dataclass(frozen=True)
class WarehouseFigures:
    """The figures of all jobs over one lake, by what they did.

    Args:
        messages: in the lake.
        bytes: of the lake's Parquet files.
        changed: how many conversations had new messages.
        done: make, response, polars, windows, full, changed, unchanged, check, report; polars only if it can be had.
    """

    messages: int
    bytes: int
    changed: int
    done: dict[str, Figures]


def measure(sizes: tuple[int, ...], *, lakes: Path | None) -> list[WarehouseFigures]:
    """Measure lakes of so many messages each.

    Args:
        sizes: numbers of messages.
        lakes: a folder where lakes are kept for the next time; by default they are made anew and deleted.

    Raises:
        RuntimeError: a job failed, contenders disagree, or the disk has too little space.
    """
    say("looking for polars, which has an environment of its own")
    has_polars = install_polars() is not None
    found = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            found.append(_measure(lakes or Path(name), size, has_polars=has_polars))
    return found


def _measure(lakes: Path, size: int, *, has_polars: bool) -> WarehouseFigures:
    whole = lakes / f"lake-{size}"
    done = {"make": run_warehouse_job("make", whole, messages=size)}
    messages = int(done["make"]["messages"])
    with linked(whole) as root:
        done["response"] = run_warehouse_job("response", root)
        done["response"]["totals"] = _totals(root)
        if has_polars:
            note_load()
            done["polars"] = by_polars(root)
        done["windows"] = run_warehouse_job("windows", root)
        _agree(done)
        done["full"] = run_warehouse_job("full", root)
        changed = int(run_warehouse_job("change", root)["conversations"])
        done["changed"] = run_warehouse_job("build", root)
        done["unchanged"] = run_warehouse_job("build", root)
        done["check"] = run_warehouse_job("check", root)
        done["report"] = run_warehouse_job("report", root)
    for name, figures in done.items():
        say(f"{messages:,} messages, {name}: {figures['cpu']:.1f} CPU-s, {figures['rss']:,.0f} MiB")
    return WarehouseFigures(messages, _size(whole), changed, done)


def run_warehouse_job(does: str, root: Path, *, messages: int = 0) -> Figures:
    """Do a job in a process of its own.

    Raises:
        RuntimeError: it failed.
    """
    job = WarehouseJob(does, str(root), messages)
    say(f"warehouse: {does}")
    note_load()
    ended = subprocess.run(
        [sys.executable, "-m", "tests.bench.warehouse_job", json.dumps(asdict(job))],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    if ended.returncode:
        raise RuntimeError(f"{does} failed: {ended.stderr[-2000:]}")
    return dict(json.loads(ended.stdout.splitlines()[-1]))


@contextmanager
def linked(lake: Path) -> Iterator[Path]:
    """A lake of the same files beside it, to which can be added without changing the first."""
    with tempfile.TemporaryDirectory(prefix=f"{lake.name}-", dir=lake.parent) as name:
        for file in lake.rglob("*"):
            place = Path(name) / file.relative_to(lake)
            if file.is_dir():
                place.mkdir(exist_ok=True)
            elif file.suffix == ".parquet":
                os.link(file, place)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(file.read_bytes())
        yield Path(name)


def _totals(root: Path) -> Totals:
    with duckdb.connect(str(warehouse_file(Lake(root))), read_only=True) as connection:
        rows = connection.execute(
            "select app_id, count(*), count(reply_ms), sum(reply_ms)::bigint from marts.fct_turns group by 1 order by 1"
        ).fetchall()
    return {app: list(totals) for app, *totals in rows}


def _agree(done: dict[str, Figures]) -> None:
    expected = done["response"]["totals"]
    for name in ("polars", "windows"):
        if name in done and dict(done[name]["totals"]) != expected:
            raise RuntimeError(f"{name} and sunlake disagree on turns: {done[name]['totals']} and {expected}")


def _size(root: Path) -> int:
    return sum(file.stat().st_size for file in root.rglob("*.parquet"))
