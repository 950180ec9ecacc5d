"""The nightly flow: one step after the other, each a flow that can also be run alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.build import build, check
from flows.compact import compact
from flows.export import export
from flows.outcome import FAILURES, Part, exit_code, final_state, state_of, told
from flows.report import report
from flows.stopping import stopping


@flow(name="nightly", retries=0, persist_result=False, log_prints=False)
async def nightly(app_ids: list[str] | None = None) -> State[Any]:
    """Export what is new, put the lake in order, build the warehouse, check it, and write the report.

    A step that could do its work only in part does not stop those after it: what is there is worth it.

    Args:
        app_ids: the apps to export; None: all that are configured.
    """
    return await told(_nightly(app_ids))


async def _nightly(app_ids: list[str] | None) -> State[Any]:
    parts: list[Part] = []
    with stopping() as stop:
        for name, step in _steps(app_ids):
            state = await state_of(step)
            parts.append(Part(name, exit_code(state), state.message or ""))
            if stop.is_set() or parts[-1].exit_code in FAILURES:
                break
    return final_state(parts)


def _steps(app_ids: list[str] | None) -> Iterator[tuple[str, Any]]:
    """Each step, begun when it is asked for."""
    yield export.name, export(app_ids, return_state=True)
    yield compact.name, compact(app_ids, return_state=True)
    for step in (build, check, report):
        yield step.name, step(return_state=True)
