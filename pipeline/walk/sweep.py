"""Reading a whole history again, to find the edits, deletions and merged-in messages that the gate can't see."""

from __future__ import annotations

import msgspec

from pipeline.api import resources
from pipeline.walk.admitted import admitted_ids
from pipeline.walk.fetch import now
from pipeline.walk.roster import ConversationState
from pipeline.walk.step import Reason, Reconcile, Rows, Step
from pipeline.walk.visit import Visit


class MessageHead(msgspec.Struct, order=True, gc=False, kw_only=True):
    """What the walk reads of a message; heads compare in the order of a history.

    That of a page is not stated (api.md, section 2), and equal timestamps occur.
    """

    received: str = ""
    id: str


async def sweep_messages(visit: Visit, conversation: ConversationState) -> None:
    """Read all messages; the lake keeps those that differ from what it holds, and buries those that are gone.

    The checkpoint moves only when the history was read to its start: a sweep that is cut begins this conversation anew.
    """
    parents = {"conversation_id": conversation.conversation_id}
    heads: list[MessageHead] = []
    admitted = set[str]()
    seen_at = now()
    async for page in visit.pages(
        resources.LIST_MESSAGES,
        {"conversationId": conversation.conversation_id},
        direction="backward",
    ):
        heads += page.read(MessageHead)
        if not visit.guest.is_open:
            admitted.update(admitted_ids(visit.guest, page))
        if page.items:
            await visit.emit(Step(rows=[Rows("messages", page.items, parents, page.fetched_at, compare=True)]))
    present = frozenset(head.id for head in heads)
    visit.counters.messages += len(present)
    # Retention empties a conversation and leaves it standing (api.md, section 4); whoever deletes leaves something.
    reason: Reason = "retention" if not present and visit.has_retention else "deleted"
    _set_interval(conversation, heads)
    conversation.messages = len(present if visit.guest.is_open else admitted)
    step = Step(conversations=[visit.conversations.changed(conversation)])
    step.reconciles.append(Reconcile("messages", conversation.conversation_id, present, seen_at, reason))
    await visit.emit(step)


def _set_interval(conversation: ConversationState, heads: list[MessageHead]) -> None:
    conversation.complete = True
    if not heads:
        conversation.head_id = conversation.head_at = conversation.tail_id = conversation.tail_at = None
        return
    newest = max(heads)
    oldest = min(heads)
    conversation.head_id, conversation.head_at = newest.id, newest.received
    conversation.tail_id, conversation.tail_at = oldest.id, oldest.received
