"""One visit to an app: the app itself, its integrations and their webhooks, its switchboards and their integrations.

Each list is small and read whole on every run. A key may lack the scope for some of them; that is noted, not fatal.
"""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from pipeline.api import resources
from pipeline.api.routes import Route
from pipeline.errors import BadRequestError, ForbiddenError, NotFoundError
from pipeline.walk import ledger as tables
from pipeline.walk.fetch import Identified, now, read
from pipeline.walk.ledger import Ledger
from pipeline.walk.step import Reconcile, Rows, SetHash, Step
from pipeline.walk.visit import Visit, content_hash


class IntegrationHead(msgspec.Struct):
    """What the walk reads of an integration."""

    id: str
    type: str | None = None


class AppSettings(msgspec.Struct, rename="camel"):
    """What the walk reads of an app's settings."""

    conversation_retention_seconds: float | None = None


class AppHead(msgspec.Struct):
    """What the walk reads of an app."""

    settings: AppSettings | None = None


async def visit_app(visit: Visit, ledger: Ledger) -> None:
    """Walk what belongs to the app as a whole."""
    known = _known_hashes(ledger, visit.app_id)
    app = await _set(visit, resources.GET_APP, "", {}, known=known)
    if app:
        settings = read(app, AppHead, route=resources.GET_APP)[0].settings
        visit.has_retention = bool(settings and settings.conversation_retention_seconds)
    integrations = await _set(visit, resources.LIST_INTEGRATIONS, "", {}, known=known)
    for head in read(integrations, IntegrationHead, route=resources.LIST_INTEGRATIONS):
        # Only custom integrations have webhooks; asking for those of others is answered by 403 (api.md, section 5).
        if head.type == "custom":
            parents = {"integration_id": head.id}
            await _set(
                visit, resources.LIST_WEBHOOKS, head.id, {"integrationId": head.id}, known=known, parents=parents
            )
    switchboards = await _set(visit, resources.LIST_SWITCHBOARDS, "", {}, known=known)
    for switchboard in read(switchboards, Identified, route=resources.LIST_SWITCHBOARDS):
        path = {"switchboardId": switchboard.id}
        parents = {"switchboard_id": switchboard.id}
        await _set(visit, resources.LIST_SWITCHBOARD_INTEGRATIONS, switchboard.id, path, known=known, parents=parents)


def _known_hashes(ledger: Ledger, app_id: str) -> dict[tuple[str, str], int]:
    columns = tables.sets.c
    query = sa.select(columns.table_name, columns.parent_id, columns.set_hash).where(columns.app_id == app_id)
    with ledger.read() as connection:
        return {(row.table_name, row.parent_id): row.set_hash for row in connection.execute(query)}


async def _set(
    visit: Visit,
    route: Route,
    parent_id: str,
    path: dict[str, str],
    *,
    known: dict[tuple[str, str], int],
    parents: dict[str, str] | None = None,
) -> list[bytes]:
    """Read one list; rows if it differs from what the lake holds. Empty if the key may not read it."""
    items: list[bytes] = []
    fetched_at = now()
    try:
        async for page in visit.pages(route, path):
            items += page.items
            fetched_at = page.fetched_at
    except (ForbiddenError, BadRequestError):
        visit.counters.note(f"{route.table}: the key may not read them (it lacks the app scope); skipped")
        return []
    except NotFoundError as error:
        if error.code == "app_not_found":
            raise
        return []
    found, before = content_hash(items), known.get((route.table, parent_id))
    if found == before:
        return items
    step = Step(sets=[SetHash(route.table, parent_id, found)])
    step.rows.append(Rows(route.table, items, parents or {}, fetched_at))
    if before is not None and route.many:
        present = frozenset(head.id for head in read(items, Identified, route=route))
        step.reconciles.append(Reconcile(route.table, parent_id, present, fetched_at, "gone"))
    await visit.emit(step)
    return items
