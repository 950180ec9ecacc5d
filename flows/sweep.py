"""The sweep as a flow of its own, so that it has its own schedule and its own place on Prefect's pages."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.export import export_apps
from flows.outcome import told


@flow(name="sweep", retries=0, persist_result=False, log_prints=False)
async def sweep(app_ids: list[str] | None = None) -> State[Any]:
    """Read everything again, to find edits, deletions and merges that no timestamp tells.

    Args:
        app_ids: the apps; None: all that are configured.
    """
    return await told(export_apps(app_ids, kind="sweep"))
