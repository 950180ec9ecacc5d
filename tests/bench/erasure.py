"""Erases 1, 10 and 1,000 people from a lake, beside a plain copy of every file without their rows."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.suppression.subjects import encode_subjects
from tests.bench.erasure_job import ErasureJob
from tests.bench.erasure_subjects import pick_subjects
from tests.bench.job import Figures
from tests.bench.progress import note_load, say
from tests.bench.report import table
from tests.bench.run_job import LONGEST_SECONDS, PROJECT
from tests.bench.warehouse import linked, run_warehouse_job

PEOPLE = (1, 10, 1_000)
STEPS = ("copy", "find", "rewrite", "scan")
"""In the order of their doing: nobody is left after the rewrite, and that is what the scan looks for."""


@dataclass(frozen=True)
class ErasureFigures:
    """The figures of the steps for so many people in a lake of so many messages (both apps; one is rewritten)."""

    messages: int
    people: int
    done: dict[str, Figures]


def measure(sizes: tuple[int, ...], *, lakes: Path | None) -> list[ErasureFigures]:
    """Measure lakes of so many messages each.

    Raises:
        RuntimeError: a job failed, or the disk has too little space.
    """
    found = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            whole = (lakes or Path(name)) / f"lake-{size}"
            messages = int(run_warehouse_job("make", whole, messages=size)["messages"])
            found += [_measure(whole, messages, people) for people in PEOPLE]
    return found


def findings(figures: list[ErasureFigures]) -> str:
    """The table of all of them."""
    heading = ("messages", "people", "step", "files", "seconds", "CPU-s", "peak RSS MiB", "of the copy's CPU")
    return table(heading, [row for found in figures for row in _rows(found)])


def _measure(whole: Path, messages: int, people: int) -> ErasureFigures:
    subjects = pick_subjects(whole, people)
    done = {}
    with linked(whole) as root, tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(encode_subjects(subjects))
        for step in STEPS:
            done[step] = _run(ErasureJob(step, str(root), file.name))
            say(f"{messages:,} messages, {len(subjects)} people, {step}: {done[step]['cpu']:.1f} CPU-s")
    return ErasureFigures(messages, len(subjects), done)


def _run(job: ErasureJob) -> Figures:
    note_load()
    ended = subprocess.run(
        [sys.executable, "-m", "tests.bench.erasure_job", json.dumps(asdict(job))],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    if ended.returncode:
        raise RuntimeError(f"{job.does} failed: {ended.stderr[-2000:]}")
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def _rows(found: ErasureFigures) -> Iterator[tuple[str, ...]]:
    copied = found.done["copy"]["cpu"]
    for step, done in found.done.items():
        spent = (f"{done['seconds']:.1f}", f"{done['cpu']:.1f}", f"{done['rss']:,.0f}", f"{done['cpu'] / copied:.2f}")
        yield (f"{found.messages:,}", f"{found.people:,}", step, str(done["files"]), *spent)
