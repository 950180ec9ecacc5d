"""One piece of work on a warehouse in a process of its own: `python -m tests.bench.warehouse_job '<JSON>'`.

Prints one JSON line of figures. Seconds and CPU are those of the work, without the interpreter's start and imports.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Settings
from pipeline.report.files import write_html
from pipeline.report.report import make_report
from pipeline.warehouse.build import build
from pipeline.warehouse.checks import check
from tests.bench.job import Figures, Meter
from tests.bench.warehouse_change import change_lake
from tests.bench.warehouse_lake import make_lake
from tests.bench.warehouse_rivals import by_windows

MEMORY_LIMIT = "2GB"


@dataclass(frozen=True)
class WarehouseJob:
    """What to do.

    Args:
        does: one of `WORK`.
        lake: the lake's folder.
        messages: how many, for a lake that is to be written.
    """

    does: str
    lake: str
    messages: int = 0


def main() -> None:
    """Do the job of the first argument."""
    job = WarehouseJob(**json.loads(sys.argv[1]))
    meter = Meter()
    figures = WORK[job.does](job)
    print(json.dumps({**meter.read(), **figures}))


def _make(job: WarehouseJob) -> Figures:
    return {"messages": make_lake(Path(job.lake), messages=job.messages)}


def _full(job: WarehouseJob) -> Figures:
    return _build(job, full=True)


def _response(job: WarehouseJob) -> Figures:
    return _build(job, select=("fct_turns",))


def _build(job: WarehouseJob, *, full: bool = False, select: tuple[str, ...] = ()) -> Figures:
    summary = build(Settings(lake=job.lake), full=full, select=select, memory_limit=MEMORY_LIMIT)
    wrong = [f"{model.name}: {model.message}" for model in summary.models if model.outcome in {"failed", "skipped"}]
    if wrong:
        raise RuntimeError("; ".join(wrong))
    models = [(model.name, model.seconds, model.rows) for model in summary.models if model.outcome == "built"]
    return {"conversations": summary.conversations, "models": models, "bytes": summary.warehouse.stat().st_size}


def _change(job: WarehouseJob) -> Figures:
    return {"conversations": change_lake(Path(job.lake))}


def _windows(job: WarehouseJob) -> Figures:
    lake = Path(job.lake)
    return {"totals": by_windows(lake, lake / "_sunlake" / "tmp" / "windows")}


def _check(job: WarehouseJob) -> Figures:
    results = check(Settings(lake=job.lake), memory_limit=MEMORY_LIMIT)
    return {"checks": len(results), "failed": [result.name for result in results if not result.is_passed]}


def _report(job: WarehouseJob) -> Figures:
    page = Path(job.lake) / "_sunlake" / "report.html"
    write_html(make_report(Path(job.lake)), page)
    return {"bytes": page.stat().st_size}


WORK: dict[str, Callable[[WarehouseJob], Figures]] = {
    "make": _make,
    "full": _full,
    "response": _response,
    "build": _build,
    "change": _change,
    "windows": _windows,
    "check": _check,
    "report": _report,
}


if __name__ == "__main__":
    main()
