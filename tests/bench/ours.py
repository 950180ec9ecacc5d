"""The export itself, as `sunlake export` runs it, with a rate to begin with that the sandbox can bear."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from pipeline.config import AppSettings, Settings
from pipeline.export import export_apps
from pipeline.lake.batch import Batch
from pipeline.walk.step import Step
from tests.bench.job import Figures, Job

START_RATE = 3000.0


def run(job: Job) -> Figures:
    """Export one app.

    Raises:
        RuntimeError: the export did not end well.
    """
    app = AppSettings(
        app_id=job.app_id,
        base_url=job.base_url,
        key_id_env="BENCH_KEY_ID",
        secret_env="BENCH_SECRET",
        start_rate=START_RATE,
    )
    settings = Settings(lake=job.folder, apps=(app,))
    spent = _time_commits()
    (summary,) = asyncio.run(export_apps(settings, [app], seeds=[job.seeds]))
    if summary.state != "done" or summary.calls is None:
        raise RuntimeError(f"the export ended as {summary.state}: {summary.message}")
    return {
        "messages": summary.counters.messages,
        "conversations": summary.counters.conversations,
        "calls": summary.calls.calls,
        "commits": len(spent),
        "commit_seconds": sum(spent),
        "bytes": sum(file.stat().st_size for file in Path(job.folder).rglob("*.parquet")),
    }


def _time_commits() -> list[float]:
    """Let every commit of this process note its seconds."""
    spent: list[float] = []
    commit = Batch.commit

    def timed(batch: Batch) -> Sequence[Step]:
        begun = time.perf_counter()
        try:
            return commit(batch)
        finally:
            spent.append(time.perf_counter() - begun)

    Batch.commit = timed  # type: ignore[method-assign] # the ledger keeps when a commit was decided, not how long it took
    return spent
