"""Plans a batch with everything that the settings say: keys, holds, and upstream asked for each app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path

import msgspec

from pipeline.config import Settings
from pipeline.lake.layout import Lake
from pipeline.privacy.deeds.words import Event
from pipeline.privacy.desk import Desk, open_client
from pipeline.privacy.extend import keep_extensions
from pipeline.privacy.people.lookup import UpstreamLookup
from pipeline.privacy.people.resolution import DESTRUCTIVE
from pipeline.privacy.people.talks import media_hosts
from pipeline.privacy.plan.form import OlderPlan, PlanConfig
from pipeline.privacy.plan.plan import make_plan
from pipeline.privacy.requests.holds import Holds
from pipeline.privacy.requests.request import Request
from pipeline.privacy.requests.store import StoredBatch, create_batch, remove_torn
from pipeline.privacy.requests.work import forget_dead
from pipeline.privacy.upstream.api_lookup import ApiLookup
from pipeline.suppression.subjects import Subject


async def plan_batch(
    desk: Desk,
    requests: Sequence[Request],
    *,
    source: str,
    online: bool = True,
    include_linked: bool = False,
    override_retained: bool = False,
    override_limit: bool = False,
) -> StoredBatch:
    """Make a plan and store it with the sealed work file; nothing else is written.

    Args:
        desk: the desk.
        requests: of `batch.read_batch`.
        source: where they came from; a file is scanned at the end, since it names everybody.
        online: ask upstream, too; else it is asked before the plan is confirmed (`confirm.confirm_plan`).
        include_linked: as in `PlanConfig`.
        override_retained: as in `PlanConfig`.
        override_limit: as in `PlanConfig`.

    Raises:
        BatchError, PlanRefusedError, ApiError, LakeError: nothing was written.
        StorageError: the store would keep older versions of what is erased, or does not let them be removed.
    """
    remove_torn(desk.lake)
    forget_dead(desk)
    notes, older = _look_for_older(desk.lake, requests)
    privacy = desk.settings.privacy
    config = PlanConfig(
        include_linked=include_linked,
        override_retained=override_retained,
        override_limit=override_limit,
        scope=privacy.scope,
        quotes=privacy.quotes,
        mentions=privacy.mentions,
        max_subjects=privacy.max_subjects,
        max_subjects_share=privacy.max_subjects_share,
    )
    app_ids = {request.app_id for request in requests} if online else ()
    async with open_lookups(desk, app_ids) as lookups:
        made = await make_plan(
            desk.lake,
            desk.ledger,
            requests,
            lookups=lookups,
            macs=desk.keyring,
            is_held=holds_of(desk),
            config=config,
            media_hosts=media_hosts_of(desk.settings),
        )
    made = replace(made, plan=msgspec.structs.replace(made.plan, older=older, notes=notes))
    batch = create_batch(desk.lake, made, requests, wrapping_key=desk.keyring.subkey("work"), source=_file_of(source))
    counts = {"requests": len(requests), "subjects": len(made.plan.subjects), "files": len(made.plan.files)}
    desk.deeds.append(batch.batch_id, Event.PLAN, counts=counts)
    keep_extensions(desk, batch.batch_id)
    return batch


@asynccontextmanager
async def open_lookups(desk: Desk, app_ids: Collection[str]) -> AsyncIterator[dict[str, UpstreamLookup]]:
    """By app, who asks upstream.

    Raises:
        ConfigError: an app is not configured, or its key is not given.
    """
    async with AsyncExitStack() as stack:
        lookups: dict[str, UpstreamLookup] = {}
        for app_id in sorted(app_ids):
            client = await stack.enter_async_context(open_client(desk.settings, app_id))
            lookups[app_id] = ApiLookup(client, app_id)
        yield lookups


def _look_for_older(lake: Lake, requests: Sequence[Request]) -> tuple[tuple[str, ...], OlderPlan]:
    """Notes, and what the store keeps; nothing if nobody is to be erased."""
    if not any(request.action in DESTRUCTIVE for request in requests):
        return (), OlderPlan()
    history = lake.store.history
    return history.check(), OlderPlan(**asdict(history.survey()))


def holds_of(desk: Desk) -> Callable[[Subject], bool]:
    """Whether a legal hold covers a subject."""
    return Holds(desk.lake, desk.keyring).is_held


def media_hosts_of(settings: Settings) -> dict[str, frozenset[str]]:
    """By app, the hosts whose uploads its API removes."""
    return {app.app_id: media_hosts(app.base_url) for app in settings.apps}


def _file_of(source: str) -> str | None:
    path = Path(source)
    return str(path.absolute()) if path.is_file() else None
