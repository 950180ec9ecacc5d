"""What becomes of scheduled runs that nobody could begin in time."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.states import Completed, Failed, Running, Scheduled
from prefect.types.entrypoint import EntrypointType

from flows.export import export
from flows.sweep import sweep
from flows.watch import Watch

pytestmark = [
    pytest.mark.usefixtures("here"),
    # Prefect leaves sockets of its own to the garbage collector when an event loop ends.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_a_run_that_a_later_one_replaces_is_dropped() -> None:
    """Of the runs of a flow that are due only the latest is left; another flow and the future are left alone."""

    async def work() -> None:
        async with get_client() as client:
            flows = await _deploy(client, "overtaken")
            exporting, sweeping = flows
            runs = [await _due(client, exporting, minutes) for minutes in (-30, -20, -10, 30)]
            runs.append(await _due(client, sweeping, -40))
            await Watch(client, flows).report()
            assert [await _name(client, run) for run in runs] == [
                "Skipped",
                "Skipped",
                "Scheduled",
                "Scheduled",
                "Scheduled",
            ]

    asyncio.run(work())


def test_what_was_missed_is_not_made_up_for() -> None:
    """At the start of `sunlake serve` everything that was due before is dropped."""

    async def work() -> None:
        async with get_client() as client:
            flows = await _deploy(client, "missed")
            runs = [await _due(client, next(iter(flows)), minutes) for minutes in (-600, -10, 30)]
            await Watch(client, flows).drop_missed()
            assert [await _name(client, run) for run in runs] == ["Skipped", "Skipped", "Scheduled"]

    asyncio.run(work())


def test_each_beginning_and_end_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """With the flow, the state and what it says; a failure is logged as an error."""
    caplog.set_level(logging.INFO, "flows.schedules")

    async def work() -> None:
        async with get_client() as client:
            flows = await _deploy(client, "logged")
            watch = Watch(client, flows)
            good, bad = [await _due(client, deployment, -1) for deployment in flows]
            await client.set_flow_run_state(good, Running(), force=True)
            await watch.report()
            await client.set_flow_run_state(good, Completed(message="all of it"), force=True)
            await client.set_flow_run_state(bad, Failed(message="no key"), force=True)
            await watch.report()
            await watch.report()

    asyncio.run(work())
    told = {
        (record.levelname, record.getMessage(), vars(record)["flow"], vars(record).get("said"))
        for record in caplog.records
        if record.name == "flows.schedules"
    }
    assert told == {
        ("INFO", "run.began", "export", None),
        ("INFO", "run.ended", "export", "all of it"),
        ("ERROR", "run.ended", "sweep", "no key"),
    }
    assert len([record for record in caplog.records if record.name == "flows.schedules"]) == 3


def test_a_server_that_is_away_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """One look that fails is logged, and the next one may succeed."""

    async def work() -> None:
        async with get_client() as client:
            watch = Watch(client, await _deploy(client, "away"))
        await watch.report()  # the client is closed

    asyncio.run(work())
    assert "server.unavailable" in caplog.text


async def _deploy(client: PrefectClient, name: str) -> dict[UUID, str]:
    found = {}
    for flow in (export, sweep):
        deployment = await flow.ato_deployment(name, entrypoint_type=EntrypointType.MODULE_PATH)
        found[await deployment.aapply()] = flow.name
    return found


async def _due(client: PrefectClient, deployment_id: UUID, minutes: int) -> UUID:
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    run = await client.create_flow_run_from_deployment(deployment_id, state=Scheduled(scheduled_time=at))
    return run.id


async def _name(client: PrefectClient, run_id: UUID) -> str:
    run = await client.read_flow_run(run_id)
    assert run.state is not None
    return "Scheduled" if run.state.is_scheduled() else str(run.state.name)
