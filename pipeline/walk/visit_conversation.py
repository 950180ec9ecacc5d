"""One visit to a conversation: participants, then the messages missing at either end of what the lake holds."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pipeline.api import resources
from pipeline.api.pagination import Direction
from pipeline.errors import BadRequestError, NotFoundError
from pipeline.walk.admitted import admitted_ids
from pipeline.walk.fetch import Page, now, read
from pipeline.walk.listing import UNSETTLED, ConversationHead, Listing
from pipeline.walk.message import Message
from pipeline.walk.roster import ConversationState, Found, Pending, State
from pipeline.walk.step import MessagePage, Reconcile, Rows, Step, Tombstone
from pipeline.walk.sweep import MessageHead, sweep_messages
from pipeline.walk.visit import Visit, content_hash


class ParticipantHead(msgspec.Struct, rename="camel"):
    """What the walk reads of a participant."""

    id: str
    user_id: str | None = None


async def visit_conversation(visit: Visit, conversation: ConversationState) -> None:
    """Walk one conversation; it is done or gone afterwards."""
    try:
        orphaned = conversation.via_user_id is None
        if orphaned and not await _look_up(visit, conversation):
            return
        if not visit.guest.admits_activity(last_updated_at=(conversation.listed_at or "").rstrip(UNSETTLED) or None):
            await _pass_over(visit, conversation)
            return
        asked, listed_at = conversation.pending, conversation.listed_at
        await _participants(visit, conversation, sweep=asked == Pending.SWEEP)
        if asked == Pending.SWEEP and conversation.head_id is not None:
            await sweep_messages(visit, conversation)
        else:
            await _missing_messages(visit, conversation)
    except NotFoundError as error:
        if error.code == "app_not_found":
            raise
        await _gone(visit, conversation)
        return
    conversation.state, conversation.error = State.DONE, None
    conversation.walked_at = listed_at
    # A list that was read in the meantime may have asked for more than was fetched.
    if conversation.pending == asked and conversation.listed_at == listed_at:
        conversation.pending = Pending.NO
    visit.counters.conversations += 1
    await visit.emit(Step(conversations=[visit.conversations.changed(conversation)]))


async def _pass_over(visit: Visit, conversation: ConversationState) -> None:
    """Leave alone what has expired: the list of a user opens the gate if something is said."""
    conversation.walked_at, conversation.participants_hash = conversation.listed_at, None
    conversation.complete, conversation.pending, conversation.state = True, Pending.NO, State.DONE
    await visit.emit(Step(conversations=[visit.conversations.changed(conversation)]))


async def _look_up(visit: Visit, conversation: ConversationState) -> bool:
    """Ask for a conversation that no list shows; True if its messages are to be looked at."""
    page = await visit.get(resources.GET_CONVERSATION, {"conversationId": conversation.conversation_id})
    listing = Listing(
        visit, fetched_at=page.fetched_at, server_time=page.server_time, via_user_id=None, found_by=Found.SEED
    )
    listing.take(page.read(ConversationHead), page.items)
    settled = not conversation.gate_is_open and conversation.pending != Pending.SWEEP
    if settled and conversation.participants_hash is not None:
        conversation.pending, conversation.state = Pending.NO, State.DONE
        listing.step.conversations.append(visit.conversations.changed(conversation))
        visit.counters.conversations += 1
    await visit.emit(listing.step)
    return bool(conversation.pending)


async def _participants(visit: Visit, conversation: ConversationState, *, sweep: bool) -> None:
    """Fetch all participants: rows if the set has changed, and the users among them for the walk."""
    items: list[bytes] = []
    fetched_at = now()
    async for page in visit.pages(resources.LIST_PARTICIPANTS, {"conversationId": conversation.conversation_id}):
        items += page.items
        fetched_at = page.fetched_at
    known, found = conversation.participants_hash, content_hash(items)
    if found == known:
        return
    heads = read(items, ParticipantHead, route=resources.LIST_PARTICIPANTS)
    step = Step()
    orphaned = conversation.via_user_id is None
    pending = Pending.SWEEP if sweep and orphaned and known is not None else Pending.VISIT
    user_ids = [head.user_id for head in heads if head.user_id]
    users = [visit.know_user(key, step, found_by=Found.PARTICIPANT, pending=pending) for key in user_ids]
    conversation.participants_hash = found
    parents = {"conversation_id": conversation.conversation_id}
    step.rows.append(Rows("participants", items, parents, fetched_at))
    if known is not None:
        present = frozenset(head.id for head in heads)
        step.reconciles.append(Reconcile("participants", conversation.conversation_id, present, fetched_at, "gone"))
    step.conversations.append(visit.conversations.changed(conversation))
    await visit.emit(step)
    for user in users:
        visit.frontier.offer(user)


async def _missing_messages(visit: Visit, conversation: ConversationState) -> None:
    """What the lake lacks at the old end of the interval, then at the new one; the first visit has but one end."""
    is_first = conversation.head_id is None
    try:
        if is_first or not conversation.complete:
            await _read_on(visit, conversation, "backward", start_cursor=conversation.tail_id)
        if not is_first:
            await _read_on(visit, conversation, "forward", start_cursor=conversation.head_id)
    except BadRequestError:
        # The record that the cursor names is gone, and the server minds: read it all and keep what is new.
        await sweep_messages(visit, conversation)


async def _read_on(
    visit: Visit, conversation: ConversationState, direction: Direction, *, start_cursor: str | None
) -> None:
    """From one end of the interval, or from the newest page where there is none yet, to the end of the history."""
    async for page in visit.pages(
        resources.LIST_MESSAGES,
        {"conversationId": conversation.conversation_id},
        direction=direction,
        start_cursor=start_cursor,
        kind=Message,
    ):
        # In the order of a history: that of a page is not stated (api.md, section 2), and equal timestamps occur.
        heads: Sequence[Message] | Sequence[MessageHead] = page.asked_for(Message) or page.read(MessageHead)
        places = [(head.received or "", head.id) for head in heads]
        if places and (direction == "forward" or conversation.head_id is None):
            conversation.head_at, conversation.head_id = max(places)
        if places and direction == "backward":
            conversation.tail_at, oldest_id = min(places)
            conversation.tail_id = page.next_cursor or oldest_id
        if direction == "backward":
            conversation.complete = page.next_cursor is None
        await _emit_page(visit, conversation, page)


async def _emit_page(visit: Visit, conversation: ConversationState, page: Page) -> None:
    count = len(page.answer.items)
    conversation.messages += count if visit.guest.is_open else len(admitted_ids(visit.guest, page))
    visit.counters.messages += count
    step = Step(conversations=[visit.conversations.changed(conversation)])
    if count:
        body, conversation_id, messages = page.answer.body, conversation.conversation_id, page.asked_for(Message)
        step.pages.append(MessagePage(body, conversation_id, page.fetched_at, count, messages))
    await visit.emit(step)


async def _gone(visit: Visit, conversation: ConversationState) -> None:
    was_gone = conversation.state == State.GONE
    conversation.state, conversation.pending, conversation.error = State.GONE, Pending.NO, None
    conversation.via_user_id = None
    step = Step(conversations=[visit.conversations.changed(conversation)])
    if not was_gone:
        visit.counters.gone += 1
        step.tombstones.append(Tombstone("conversation", conversation.conversation_id, now(), "gone"))
    await visit.emit(step)
