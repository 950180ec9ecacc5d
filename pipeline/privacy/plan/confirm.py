"""Confirming a plan: what was looked at is what is carried out, within a day and before the lake has grown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from pipeline.errors import PlanRefusedError
from pipeline.privacy.approve import refuse_unapproved
from pipeline.privacy.deeds.words import Event
from pipeline.privacy.desk import Desk
from pipeline.privacy.people.lookup import UpstreamLookup
from pipeline.privacy.people.resolution import DESTRUCTIVE
from pipeline.privacy.plan.contradicted import is_contradicted
from pipeline.privacy.plan.form import Plan
from pipeline.privacy.plan.life import why_dead
from pipeline.privacy.plan.plan import Made, make_plan
from pipeline.privacy.plan.run import holds_of, media_hosts_of, open_lookups
from pipeline.privacy.requests.request import Request
from pipeline.privacy.requests.store import StoredBatch, find_plan, open_work
from pipeline.privacy.requests.work import is_aborted, is_closing, is_confirmed


async def confirm_plan(desk: Desk, plan_id: str, confirmation: str, *, now: datetime | None = None) -> StoredBatch:
    """Confirm a plan, or find the batch that was confirmed before and is not closed.

    Args:
        desk: the desk.
        plan_id: the plan's id, or the first eight or more digits of it.
        confirmation: what the plan says has to be typed, `ERASE-<n>`.
        now: the current moment, aware.

    Raises:
        PlanRefusedError: there is no such plan, it is dead, done or taken back, nobody else has approved it, it was
            made offline and upstream contradicts it, or the confirmation is not the plan's.
        ApiError, ConfigError: it was made offline, and upstream can't be asked.
        LakeError: the lake can't be read.
    """
    batch, hours = find_plan(desk.lake, plan_id), desk.settings.privacy.plan_hours
    if is_aborted(desk, batch.batch_id):
        raise PlanRefusedError("this plan was taken back; make a new one")
    if batch.state == "closed" and not is_confirmed(desk, batch):
        raise PlanRefusedError(f"the plan is older than {hours:g} hours; make a new one")
    if batch.state == "closed" and not is_closing(desk, batch.batch_id):
        raise PlanRefusedError("this plan was carried out to its end; see `sunlake erase status`")
    if confirmation != batch.plan.confirmation:
        raise PlanRefusedError(
            "the confirmation is not the one that the plan says; look at the plan again, then type what it ends with"
        )
    if is_confirmed(desk, batch):
        return batch
    refuse_unapproved(desk, batch)
    dead = await why_dead(
        batch.plan, hours=hours, now=now or datetime.now(UTC), ledger=desk.ledger, replan=lambda: _again(desk, batch)
    )
    if dead is not None:
        raise PlanRefusedError(dead)
    if not batch.plan.online and await _is_contradicted(desk, batch):
        raise PlanRefusedError(
            "the plan was made offline, and upstream knows more people by what was asked for, or keeps somebody from "
            "being erased; nothing was done: plan again without --offline"
        )
    desk.deeds.append(batch.batch_id, Event.CONFIRM, counts={"subjects": len(batch.plan.subjects)})
    return batch


async def _is_contradicted(desk: Desk, batch: StoredBatch) -> bool:
    requests, subjects, _ = open_work(batch, wrapping_key=desk.keyring.subkey("work"))
    app_ids = {request.app_id for request in requests if request.action in DESTRUCTIVE}
    async with open_lookups(desk, app_ids) as lookups:
        own = [request for request in requests if request.app_id in app_ids]
        return bool(own) and is_contradicted(subjects, await _planned(desk, batch, own, lookups))


async def _again(desk: Desk, batch: StoredBatch) -> Plan:
    """The same batch planned anew over the lake as it is, without asking upstream."""
    requests, _, _ = open_work(batch, wrapping_key=desk.keyring.subkey("work"))
    return (await _planned(desk, batch, requests, {})).plan


async def _planned(
    desk: Desk, batch: StoredBatch, requests: Sequence[Request], lookups: Mapping[str, UpstreamLookup]
) -> Made:
    return await make_plan(
        desk.lake,
        desk.ledger,
        requests,
        lookups=lookups,
        macs=desk.keyring,
        is_held=holds_of(desk),
        config=batch.plan.config,
        media_hosts=media_hosts_of(desk.settings),
    )
