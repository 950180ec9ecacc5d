"""Compaction as a flow: a task per app, one after the other, since they would only compete for the same disk."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.given import given
from flows.outcome import Part, exit_code, final_state, state_of, told
from flows.stopping import stopping
from pipeline.config import Settings, load_settings
from pipeline.errors import Interrupted
from pipeline.lake.commit import recover
from pipeline.lake.compact import Compacted, compact_app
from pipeline.lake.layout import open_lake
from pipeline.lake.lock import writer_lock
from pipeline.lake.repair import apps_of
from pipeline.suppression.gate import open_gate
from pipeline.walk.ledger import open_ledger


@flow(name="compact", retries=0, persist_result=False, log_prints=False)
async def compact(app_ids: list[str] | None = None) -> State[Any]:
    """Merge the small files of each partition and drop superseded rows.

    Args:
        app_ids: the apps; None: all that are in the lake.
    """
    return await told(_compact(app_ids))


async def _compact(app_ids: Sequence[str] | None) -> State[Any]:
    lake = open_lake(_settings().place, create=False)
    parts = []
    with stopping():
        for app_id in app_ids or apps_of(lake):
            state = await state_of(merge(app_id, return_state=True))
            parts.append(Part(f"app {app_id}", exit_code(state), state.message or ""))
    return final_state(parts)


@task(name="merge", task_run_name="merge {app_id}", retries=0, persist_result=False, cache_policy=NO_CACHE)
async def merge(app_id: str) -> State[Any]:
    """Compact one app."""
    return await told(asyncio.to_thread(_merge, _settings(), app_id, given().stop))


def _merge(settings: Settings, app_id: str, stop: asyncio.Event | None) -> State[Any]:
    def go_on(_: Compacted) -> None:
        if stop is not None and stop.is_set():
            raise Interrupted("stopped after a partition; the others are left for the next run")

    lake = open_lake(settings.place, create=False)
    ledger = open_ledger(settings.ledger_url or lake.default_ledger_url)
    try:
        with writer_lock(lake, app_id, what="compact"):
            gate = open_gate(lake, app_id, settings)
            recover(lake, ledger, app_id, admission=gate)
            done = compact_app(lake, ledger, app_id, admission=gate, on_partition=go_on)
    finally:
        ledger.close()
    saved = sum(partition.rows_before - partition.rows_after for partition in done)
    return Completed(message=f"{len(done):,} partitions merged, {saved:,} superseded rows dropped")


def _settings() -> Settings:
    return given().settings or load_settings()
