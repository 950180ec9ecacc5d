"""One visit to a user: profile, clients and devices when they may have changed, and the list of conversations always.

A user whose conversations are all unchanged costs one call (design.md, section 1).
"""

from __future__ import annotations

from typing import Any

import msgspec

from pipeline.api import resources
from pipeline.api.routes import Route
from pipeline.errors import NotFoundError
from pipeline.walk.fetch import Identified, Page, now, read
from pipeline.walk.listing import ConversationHead, Listing
from pipeline.walk.roster import Found, Pending, State, UserState
from pipeline.walk.step import Reason, Reconcile, Rows, Step, Tombstone
from pipeline.walk.visit import Visit, content_hash


class ProfileHead(msgspec.Struct, rename="camel"):
    """What a user is called by, read only where somebody is kept out."""

    external_id: Any = None
    brand_id: Any = None
    profile: dict[str, Any] | None = None


async def visit_user(visit: Visit, user: UserState) -> None:
    """Walk one user, who is done, gone or merged afterwards."""
    asked = user.pending
    is_first = user.state == State.KNOWN and user.row_hash is None and user.found_by != Found.LAKE
    deep = asked == Pending.SWEEP or user.row_hash is None
    try:
        if deep and not await _profile(visit, user):
            return
        changed = await _conversations(visit, user, is_first=is_first)
        if changed and not deep and not await _profile(visit, user):
            return
    except NotFoundError as error:
        if error.code == "app_not_found":
            raise
        await _gone(visit, user, State.GONE, "gone")
        return
    user.state, user.error = State.DONE, None
    # Someone may have asked for a sweep in the meantime.
    user.pending = Pending.NO if user.pending == asked else user.pending
    visit.counters.users += 1
    await visit.emit(Step(users=[visit.users.changed(user)]))


async def _profile(visit: Visit, user: UserState) -> bool:
    """Fetch user, clients and devices; False if the id now answers with another user."""
    page = visit.profiles.pop(user.user_id, None)
    if page is None:
        page = await visit.get(resources.GET_USER, {"userIdOrExternalId": user.user_id})
    found = page.read(Identified)[0].id
    if found != user.user_id:
        step = Step()
        survivor = visit.know_user(found, step, found_by=Found.MERGE, pending=Pending.SWEEP)
        await visit.emit(step)
        visit.frontier.offer(survivor)
        user.merged_into = found
        await _gone(visit, user, State.MERGED, "merged")
        return False
    if not visit.guest.is_open and _turned_away(visit, user, page):
        return False
    if user.state == State.GONE:
        # Back again: what the lake holds is buried below a tombstone.
        user.row_hash = user.clients_hash = user.devices_hash = None
    step = Step()
    row_hash = content_hash(page.items)
    if row_hash != user.row_hash:
        step.rows.append(Rows("users", page.items, {}, page.fetched_at))
    clients_hash = await _children(visit, user, step, resources.LIST_CLIENTS, user.clients_hash)
    devices_hash = await _children(visit, user, step, resources.LIST_DEVICES, user.devices_hash)
    # Not before all rows are at hand: whoever snapshots the user meanwhile must not promise rows that may never come.
    user.state, user.row_hash, user.clients_hash, user.devices_hash = State.KNOWN, row_hash, clients_hash, devices_hash
    step.users.append(visit.users.changed(user))
    await visit.emit(step)
    return True


def _turned_away(visit: Visit, user: UserState, page: Page) -> bool:
    """Whether the profile belongs to somebody who is kept out by an external id or e-mail; nothing is emitted then."""
    head = page.read(ProfileHead)[0]
    external_id, brand_id, email = (
        value if isinstance(value, str) else None
        for value in (head.external_id, head.brand_id, (head.profile or {}).get("email"))
    )
    if not visit.guest.turn_away(user.user_id, external_id=external_id, brand_id=brand_id, email=email):
        return False
    user.pending = Pending.NO
    return True


async def _children(visit: Visit, user: UserState, step: Step, route: Route, known: int | None) -> int:
    """Fetch a complete list of the user's children; into the step only if it differs from what the lake holds."""
    items: list[bytes] = []
    fetched_at = None
    async for page in visit.pages(route, {"userIdOrExternalId": user.user_id}):
        items += page.items
        fetched_at = page.fetched_at
    found = content_hash(items)
    if found != known and fetched_at is not None:
        step.rows.append(Rows(route.table, items, {"user_id": user.user_id}, fetched_at))
        if known is not None:
            present = frozenset(head.id for head in read(items, Identified, route=route))
            step.reconciles.append(Reconcile(route.table, user.user_id, present, fetched_at, "gone"))
    return found


async def _conversations(visit: Visit, user: UserState, *, is_first: bool) -> bool:
    """List the user's conversations; True if one of them is new or may have new messages."""
    seen: set[str] = set()
    changed = False
    query = resources.conversations_of(user.user_id)
    async for page in visit.pages(resources.LIST_CONVERSATIONS, {}, query=query):
        listing = Listing(
            visit,
            fetched_at=page.fetched_at,
            server_time=page.server_time,
            via_user_id=user.user_id,
            sweep=user.pending == Pending.SWEEP and not visit.is_sweep,
        )
        heads = page.read(ConversationHead)
        listing.take(heads, page.items)
        seen.update(head.id for head in heads)
        changed = changed or listing.changed
        await visit.emit(listing.step)
        for state in listing.to_visit:
            visit.frontier.offer(state)
    if not is_first:  # else the ledger knows no conversation through this list yet, and need not be asked
        await _ask_for_missing(visit, user, seen)
    return changed


async def _ask_for_missing(visit: Visit, user: UserState, seen: set[str]) -> None:
    """Conversations that this user's list once showed and no longer does are asked for by their id."""
    step = Step()
    known = visit.conversations.of_user(user.user_id)
    missing = [
        state
        for state in known
        if state.conversation_id not in seen and state.state != State.GONE and state.via_user_id == user.user_id
    ]
    for state in missing:
        state.via_user_id = None
        state.pending = max(state.pending, Pending.VISIT)
        step.conversations.append(visit.conversations.changed(state))
    if missing:
        await visit.emit(step)
    for state in missing:
        visit.frontier.offer(state)


async def _gone(visit: Visit, user: UserState, state: State, reason: Reason) -> None:
    """The user is no more; their conversations may live on with others, or with the user they were merged into."""
    was_gone = user.state in {State.GONE, State.MERGED}
    user.state, user.pending, user.error = state, Pending.NO, None
    step = Step(users=[visit.users.changed(user)])
    if not was_gone:
        visit.counters.gone += 1
        step.tombstones.append(Tombstone("user", user.user_id, now(), reason))
    await visit.emit(step)
    orphans = Step()
    known = visit.conversations.of_user(user.user_id)
    left = [state for state in known if state.state != State.GONE and state.via_user_id == user.user_id]
    for conversation in left:
        conversation.via_user_id = None
        # A merge may have moved older history into it, which the gate can't see.
        conversation.pending = Pending.SWEEP
        orphans.conversations.append(visit.conversations.changed(conversation))
    if left:
        await visit.emit(orphans)
    for conversation in left:
        visit.frontier.offer(conversation)
