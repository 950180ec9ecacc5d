"""The export as a Prefect flow: per app a task that opens the run, then shards of some thousand conversations each.

The shards of an app follow each other in one event loop and share its session; apps run side by side. A task costs
Prefect's server about 30 ms and 19 KB, so a run has tens of them, never one per conversation. Tasks are not retried:
the API client retries calls, and a run that was cut is resumed from the ledger by the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Final

from prefect import flow, task
from prefect.artifacts import acreate_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.given import given
from flows.outcome import final_state, plain, state_of, told
from flows.stopping import stopping
from flows.summary import markdown_table, part_of
from pipeline.config import AppSettings, Settings, load_settings
from pipeline.errors import ConfigError, SunlakeError
from pipeline.outcome import Summary
from pipeline.session import ExportSession
from pipeline.walk.crawl import Ending
from pipeline.walk.runs import RunKind

MIN_SHARD: Final = 1_000
SHARDS_FOR_KNOWN: Final = 50
# Nobody knows how much a first walk will find; growing shards keep it at 8 tasks for 10,000 conversations and 73 for
# ten million.
SHARD_GROWTH: Final = 1.1


@dataclass(slots=True)
class AppRun:
    """One app's share of a run, which never leaves this process."""

    session: ExportSession
    stack: AsyncExitStack
    ending: Ending = Ending.LIMITED
    error: SunlakeError | None = None

    async def open(self) -> None:
        """Take the lock, recover, and read what surrounds the conversations."""
        await self.stack.enter_async_context(self.session)

    async def walk(self, budget: int) -> None:
        """Walk so many conversations."""
        self.ending = await self.session.walk(limit=budget)

    def raise_error(self) -> None:
        """Raise what went wrong in a task."""
        if self.error is not None:
            raise self.error


_runs: ContextVar[dict[str, AppRun]] = ContextVar("runs")


@flow(name="export", retries=0, persist_result=False, log_prints=False)
async def export(app_ids: list[str] | None = None, sweep: bool = False) -> State[Any]:
    """Export everything that is new since the last run.

    Args:
        app_ids: the apps; None: all that are configured.
        sweep: read everything again, to find what no timestamp tells.
    """
    return await told(export_apps(app_ids, kind="sweep" if sweep else "export"))


async def export_apps(app_ids: Sequence[str] | None, *, kind: RunKind) -> State[Any]:
    """Export the apps side by side, inside a flow run.

    Raises:
        ConfigError: the settings are wrong, or name no such app.
    """
    extras = given()
    settings = extras.settings or load_settings()
    apps = chosen_apps(settings, app_ids)
    _runs.set({})
    with stopping() as stop:
        sessions = [ExportSession(settings, app, kind=kind, on_progress=extras.on_progress, stop=stop) for app in apps]
        summaries = await asyncio.gather(*map(_export_app, sessions))
    extras.summaries.extend(summaries)
    await acreate_markdown_artifact(key=f"{kind}-summary", markdown=markdown_table(summaries))
    return final_state([part_of(summary) for summary in summaries])


def chosen_apps(settings: Settings, app_ids: Sequence[str] | None) -> list[AppSettings]:
    """The apps that are meant: those named, or all that are configured.

    Raises:
        ConfigError: none is configured, or one that is named is not.
    """
    if not settings.apps:
        raise ConfigError("no app is configured; write sunlake.toml with `sunlake init` and set SUNLAKE_CONFIG to it")
    return [settings.app(app_id) for app_id in dict.fromkeys(app_ids or ())] or list(settings.apps)


def shard_budget(waiting: int, shard: int) -> int:
    """How many conversations a shard may begin.

    Args:
        waiting: users and conversations that are known to wait.
        shard: its number, from 1.
    """
    return round(max(MIN_SHARD, waiting // SHARDS_FOR_KNOWN) * SHARD_GROWTH ** (shard - 1))


async def _export_app(session: ExportSession) -> Summary:
    try:
        async with AsyncExitStack() as stack:
            run = _runs.get()[session.app_id] = AppRun(session, stack)
            await state_of(discover(session.app_id, return_state=True))
            run.raise_error()
            waiting = 0
            for shard in count(1):
                waiting = max(waiting, sum(await asyncio.to_thread(session.pending)))
                budget = shard_budget(waiting, shard)
                await state_of(walk(session.app_id, shard, budget, return_state=True))
                run.raise_error()
                if run.ending is not Ending.LIMITED:
                    break
    except Exception as error:  # noqa: BLE001 - one app's failure must not stop the others
        told_error = plain(error)
        return replace(session.summary(), state="failed", message=str(told_error), error=told_error)
    return session.summary()


@task(name="discover", task_run_name="discover {app_id}", retries=0, persist_result=False, cache_policy=NO_CACHE)
async def discover(app_id: str) -> State[Any]:
    """Open the run of an app."""
    run = _runs.get()[app_id]
    return await _step(run, run.open())


@task(name="walk", task_run_name="walk {app_id} {shard}", retries=0, persist_result=False, cache_policy=NO_CACHE)
async def walk(app_id: str, shard: int, budget: int) -> State[Any]:  # noqa: ARG001 - the number is shown by Prefect
    """Walk one shard."""
    run = _runs.get()[app_id]
    return await _step(run, run.walk(budget))


async def _step(run: AppRun, work: Awaitable[None]) -> State[Any]:
    """Do a task's work; its state says how far the run is, or what went wrong."""
    try:
        await work
    except Exception as error:  # noqa: BLE001 - an exception that leaves a task is stored by Prefect
        run.error = plain(error)
        return Failed(message=str(run.error))
    counters = run.session.counters
    return Completed(message=f"{counters.conversations:,} conversations and {counters.messages:,} messages so far")
