"""Erasure as a flow: confirmed batches are carried out, or gone on with. Prefect is told batch ids and counts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.given import given
from flows.outcome import Part, final_state, plain, told
from flows.stopping import stopping
from pipeline.config import Settings, load_settings
from pipeline.errors import Interrupted, SunlakeError

if TYPE_CHECKING:
    from pipeline.privacy.applied import Applied
    from pipeline.privacy.desk import Desk


@flow(name="erase", retries=0, persist_result=False, log_prints=False)
async def erase(batch_id: str | None = None) -> State[Any]:
    """Carry out a batch that was confirmed, or go on with all that are not closed; copies whose time is up are deleted.

    Args:
        batch_id: the batch; None: all that were confirmed and are not closed, such as those that wait for upstream.
    """
    return await told(_erase(batch_id))


async def _erase(batch_id: str | None) -> State[Any]:
    # DuckDB is imported when a flow runs, as in build.py.
    from pipeline.privacy.access.register import expire_access
    from pipeline.privacy.desk import open_desk
    from pipeline.privacy.requests.work import forget_dead

    settings = given().settings or load_settings()
    with stopping() as stop:
        with open_desk(settings) as desk:
            forget_dead(desk)
            expired = expire_access(desk.lake, now=datetime.now(UTC))
            batches = [batch_id] if batch_id is not None else list(_open_batches(desk))
        parts = [] if not expired else [Part("copies", 0, f"{expired:,} were deleted, since their time was up")]
        for each in batches:
            if stop.is_set():
                raise Interrupted("stopped between two batches; the next run goes on with those that are left")
            parts.append(await _carry_out(settings, each))
    return final_state(parts) if parts else Completed(message="no batch is open")


def _open_batches(desk: Desk) -> Iterator[str]:
    from pipeline.privacy.requests.store import list_batches
    from pipeline.privacy.requests.work import is_aborted, is_confirmed

    for batch in list_batches(desk.lake):
        if batch.state != "closed" and is_confirmed(desk, batch) and not is_aborted(desk, batch.batch_id):
            yield batch.batch_id


async def _carry_out(settings: Settings, batch_id: str) -> Part:
    try:
        applied = await asyncio.to_thread(_apply, settings, batch_id)
    except Exception as error:  # noqa: BLE001 - a batch that fails must not stop the others
        failure = plain(error)
        return Part(_name(batch_id), _exit_code(failure), str(failure))
    return Part(_name(batch_id), applied.exit_code, _said(applied))


def _apply(settings: Settings, batch_id: str) -> Applied:
    """In a thread of its own: rewriting and scanning would keep Prefect from hearing of the run."""
    from pipeline.privacy.apply import carry_out
    from pipeline.privacy.desk import open_desk

    with open_desk(settings) as desk:
        return asyncio.run(carry_out(desk, batch_id))


def _name(batch_id: str) -> str:
    return f"batch {batch_id}" if batch_id.isalnum() and len(batch_id) <= 32 else "batch"


def _exit_code(error: SunlakeError) -> int:
    return 3 if isinstance(error, Interrupted) else 1


def _said(applied: Applied) -> str:
    # DuckDB is imported when a flow runs, as in build.py.
    from pipeline.privacy.wording import counted, people

    rows = counted(sum(applied.lake.removed.values()), "row")
    head = f"{applied.status}: {people(len(applied.subjects))}, {rows} removed"
    # Problems name files and counts, never people.
    return "; ".join([head, *applied.problems, *applied.left_out])
