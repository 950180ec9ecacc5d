"""Follows the scheduled runs: logs how each begins and ends, and drops those that a later run of a flow replaces.

An export that was due ten times while a sweep ran has to run once: it finds what all ten would have found.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun, State
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Cancelled

from flows.outcome import exit_code

EVERY_SECONDS: Final = 5.0
RUNS_LOOKED_AT: Final = 200
SKIPPED: Final = "Skipped"

log = logging.getLogger("flows.schedules")


class Watch:
    """The runs of some deployments.

    Args:
        client: of the Prefect server.
        flows: the flow's name by the id of its deployment.
    """

    def __init__(self, client: PrefectClient, flows: Mapping[UUID, str]) -> None:
        self._client = client
        self._flows = flows
        self._begun = datetime.now(UTC)
        self._reported: dict[UUID, str] = {}

    async def drop_missed(self) -> None:
        """Drop the runs that were due while nobody was there to run them."""
        for run in await self._due():
            if run.state is not None and run.state.is_scheduled():
                await self._drop(run, "it was due while `sunlake serve` was not running")

    async def run(self) -> None:
        """Follow the runs for ever."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self.report()

    async def report(self) -> None:
        """Log what is new, and drop what is overtaken."""
        try:
            await self._look()
        except Exception:  # noqa: BLE001 - a server that does not answer once must not end the schedules
            log.warning("server.unavailable")

    async def _look(self) -> None:
        newest: set[UUID] = set()
        due = await self._due()
        self._reported = {run.id: self._reported[run.id] for run in due if run.id in self._reported}
        for run in due:
            assert run.deployment_id is not None
            state = run.state
            if state is None:
                continue
            if not state.is_scheduled():
                self._tell(run, state)
            elif run.deployment_id in newest:
                await self._drop(run, "a later run of the same flow is due")
            else:
                newest.add(run.deployment_id)

    async def _due(self) -> list[FlowRun]:
        """The latest runs that were to begin by now, newest first."""
        return await self._client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate(
                {
                    "deployment_id": {"any_": list(self._flows)},
                    "expected_start_time": {"before_": datetime.now(UTC)},
                }
            ),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=RUNS_LOOKED_AT,
        )

    async def _drop(self, run: FlowRun, why: str) -> None:
        await self._client.set_flow_run_state(run.id, Cancelled(name=SKIPPED, message=why), force=True)

    def _tell(self, run: FlowRun, state: State[Any]) -> None:
        ended = state.is_final()
        if self._reported.get(run.id) == state.name or state.name == SKIPPED:
            return
        if run.end_time is not None and run.end_time < self._begun:
            return
        self._reported[run.id] = state.name or ""
        assert run.deployment_id is not None
        fields = {"flow": self._flows[run.deployment_id], "state": state.name}
        if ended:
            level = logging.INFO if exit_code(state) == 0 or state.is_cancelled() else logging.ERROR
            log.log(level, "run.ended", extra=fields | {"said": state.message})
        elif state.is_running():
            log.info("run.began", extra=fields)
