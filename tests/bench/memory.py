"""Peak memory of an export over worlds of growing size, with few messages in each conversation."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pipeline.sandbox.process import Sandbox
from tests.bench.job import Figures
from tests.bench.progress import say
from tests.bench.run_job import run_job, write_seeds


def measure(sizes: tuple[int, ...]) -> dict[int, Figures]:
    """The figures of a full walk, by the number of conversations."""
    found = {}
    for size in sizes:
        world = f"synthetic:seed=1,size={size},strangeness=0"
        with tempfile.TemporaryDirectory(prefix="bench-") as name, Sandbox(world, cache_mib=64) as sandbox:
            seeds = write_seeds(Path(name) / "seeds.jsonl", sandbox.seeds())
            found[size] = run_job(sandbox, "ours", seeds=seeds)
        say(f"memory: {size:,} conversations: {found[size]['rss']:,.0f} MiB, {found[size]['seconds']:.0f} s")
    return found
