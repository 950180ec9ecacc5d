"""The nightly flow: one step after the other, each a flow that can also be run alone."""

from __future__ import annotations

from typing import Any, Final

from prefect import flow
from prefect.client.schemas.objects import State

from flows.compact import compact
from flows.export import export
from flows.outcome import FAILURES, Part, exit_code, final_state, told
from flows.stopping import stopping

STEPS: Final = (
    export,
    compact,
)


@flow(name="nightly", retries=0, persist_result=False, log_prints=False)
async def nightly(app_ids: list[str] | None = None) -> State[Any]:
    """Export what is new, then put the lake in order.

    A step that could do its work only in part does not stop those after it: what is there is worth it.

    Args:
        app_ids: the apps; None: all that are configured.
    """
    return await told(_nightly(app_ids))


async def _nightly(app_ids: list[str] | None) -> State[Any]:
    parts: list[Part] = []
    with stopping() as stop:
        for step in STEPS:
            state = await step(app_ids, return_state=True)
            parts.append(Part(step.name, exit_code(state), state.message or ""))
            if stop.is_set() or parts[-1].exit_code in FAILURES:
                break
    return final_state(parts)
