"""Runs flows by their schedules with Prefect's runner: one deployment per flow, one run at a time.

Two flows at once would only compete for the same lock and the same rate limit. What is due meanwhile is run afterwards,
once per flow, however often it was due (see `watch`).
"""

from __future__ import annotations

import asyncio
import hashlib
import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.runner import Runner
from prefect.schedules import Cron, Schedule
from prefect.types.entrypoint import EntrypointType

from flows.build import build
from flows.compact import compact
from flows.environment import API_URL
from flows.erase import erase
from flows.export import export
from flows.nightly import nightly
from flows.sweep import sweep
from flows.watch import Watch
from pipeline.config import ScheduleSettings, Settings
from pipeline.errors import ConfigError, SunlakeError

FLOWS: Final[dict[str, Flow[..., Any]]] = {flow.name: flow for flow in (export, sweep, nightly, compact, build, erase)}


async def run_schedules(settings: Settings) -> None:
    """Run the flows when they are due, until SIGINT or SIGTERM; a run under way is then stopped after a last commit.

    Raises:
        ConfigError: Prefect does not understand a cron expression.
        SunlakeError: its server does not answer.
    """
    name = deployment_name(settings)
    runner = Runner(name=name, limit=1, pause_on_shutdown=True)
    async with get_client() as client:
        if await client.api_healthcheck() is not None:
            raise SunlakeError(f"Prefect's server at {client.api_url} does not answer; start it, or unset {API_URL}")
        flows = dict.fromkeys(each.flow for each in settings.schedules)
        watch = Watch(client, {await _deploy(runner, name, flow, settings.schedules): flow for flow in flows})
        await watch.drop_missed()
        await _run(runner, watch)


def deployment_name(settings: Settings) -> str:
    """A name for this machine and lake, so that those who share a Prefect server do not run each other's schedules."""
    lake = settings.place
    place = f"{socket.gethostname()}:{lake.absolute() if isinstance(lake, Path) else lake}"
    return f"sunlake-{hashlib.sha256(place.encode()).hexdigest()[:8]}"


async def _deploy(runner: Runner, name: str, flow: str, schedules: Sequence[ScheduleSettings]) -> UUID:
    # By module, not by file: the flows are installed, and the working folder is the user's.
    deployment = await FLOWS[flow].ato_deployment(
        name,
        schedules=[_cron(each) for each in schedules if each.flow == flow],
        entrypoint_type=EntrypointType.MODULE_PATH,
        paused=False,
    )
    return await runner.aadd_deployment(deployment)


def _cron(schedule: ScheduleSettings) -> Schedule:
    try:
        return Cron(schedule.cron, timezone=schedule.timezone)
    except ValueError:
        raise ConfigError(f"schedules: Prefect does not understand the cron expression {schedule.cron!r}") from None


async def _run(runner: Runner, watch: Watch) -> None:
    running = asyncio.create_task(runner.start())
    await asyncio.sleep(0)  # the runner installs a handler that would exit in the middle of its work
    stop = _stop_signal()
    watching = asyncio.create_task(watch.run())
    await asyncio.wait({running, stop}, return_when=asyncio.FIRST_COMPLETED)
    watching.cancel()  # what a run passes through while it is stopped is no news
    stop.cancel()
    if runner.started:
        await runner.astop()
    else:
        running.cancel()
    await asyncio.wait({running})
    await watch.report()
    if not running.cancelled():
        running.result()


def _stop_signal() -> asyncio.Task[bool]:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    return asyncio.create_task(asked.wait())
