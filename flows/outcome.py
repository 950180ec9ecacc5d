"""How a run went, in Prefect's terms: a final state whose name and message tell the truth, and nothing but the truth.

| state      | name           | exit code |                                                |
|------------|----------------|-----------|------------------------------------------------|
| Completed  | Completed      | 0         | all is done                                    |
| Completed  | Partial        | 3         | something is left; the message says what       |
| Failed     | Failed in part | 3         | an app failed, another did not                 |
| Failed     | Failed         | 1         | nothing was done, or nothing can be relied on  |
"""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from pipeline.errors import Interrupted, SunlakeError

PARTIAL: Final = "Partial"
FAILED_IN_PART: Final = "Failed in part"
FAILURES: Final = {1, 2}


@dataclass(frozen=True, slots=True)
class Part:
    """How one app or one step of a run went: 0 done, 1 or 2 failed, 3 done in part."""

    name: str
    exit_code: int
    says: str


async def told(work: Awaitable[State[Any]]) -> State[Any]:
    """Await a flow's or a task's work; an error becomes a state whose message is known to hold no data."""
    try:
        return await work
    except Interrupted as error:
        return Completed(name=PARTIAL, message=str(error))
    except Exception as error:  # noqa: BLE001 - whatever leaves a flow or a task is stored by Prefect
        return Failed(message=str(plain(error)))


async def state_of(call: Any) -> State[Any]:
    """Await a task that was called with `return_state`; Prefect's types leave out that it has to be awaited."""
    state: State[Any] = await call
    return state


def plain(error: Exception) -> SunlakeError:
    """An error whose text may be stored: our own as it is, of another one only class and place.

    The texts of foreign exceptions may quote data.
    """
    if isinstance(error, SunlakeError):
        return error
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return SunlakeError(f"internal error: {type(error).__name__}{place}; what was committed stays, run it again")


def final_state(parts: Sequence[Part]) -> State[Any]:
    """The state of a run of these parts."""
    codes = {part.exit_code for part in parts}
    message = "\n".join(f"{part.name}: {part.says}" for part in parts)
    if codes.isdisjoint(FAILURES):
        return Completed(name=PARTIAL if codes - {0} else "Completed", message=message)
    return Failed(name="Failed" if codes <= FAILURES else FAILED_IN_PART, message=message)


def exit_code(state: State[Any]) -> int:
    """The exit code that says what the state says."""
    if state.is_completed() and state.name != PARTIAL:
        return 0
    return 3 if state.name in {PARTIAL, FAILED_IN_PART} else 1
