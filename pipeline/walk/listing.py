"""A conversation object that was just read, in a list or by its id: is it new, changed, may it have new messages?"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from pipeline.walk.roster import ConversationState, Found, Pending, State
from pipeline.walk.step import Rows, Step
from pipeline.walk.visit import Visit, content_hash

# A conversation whose last message is younger than this when listed may get another one within the same tick of the
# server's clock; its listing is marked, so that the next run looks once more.
SETTLING = timedelta(seconds=5)
UNSETTLED = "~"


class ConversationHead(msgspec.Struct, rename="camel"):
    """What the walk reads of a conversation object."""

    id: str
    last_updated_at: str | None = None


@dataclass(slots=True)
class Listing:
    """Collects the conversations of one answer into one step.

    `via_user_id` is the user whose list it is, None for a conversation that was asked for by its id. `sweep` asks for a
    visit whatever the gate says.
    """

    visit: Visit
    fetched_at: datetime
    server_time: datetime
    via_user_id: str | None
    found_by: Found = Found.LIST
    sweep: bool = False
    changed: bool = False
    step: Step = field(default_factory=Step)
    to_visit: list[ConversationState] = field(default_factory=list)
    _items: list[bytes] = field(default_factory=list)

    def take(self, heads: list[ConversationHead], items: list[bytes]) -> None:
        """Compare each object with the roster; rows and states that differ go into the step."""
        known = self.visit.conversations.get(head.id for head in heads)
        for head, item in zip(heads, items, strict=True):
            if not self.visit.guest.admits("conversation", head.id):
                continue
            state = known.get(head.id)
            if state is None:
                state = ConversationState(self.visit.app_id, head.id, found_by=self.found_by, pending=Pending.NO)
                self.visit.conversations.add(state)
                known[head.id] = state
                self.changed = True
            if self._take(state, head, item):
                self.step.conversations.append(self.visit.conversations.changed(state))
            if state.pending:
                self.to_visit.append(state)
        if self._items:
            self.step.rows.append(Rows("conversations", self._items, {}, self.fetched_at))

    def _take(self, state: ConversationState, head: ConversationHead, item: bytes) -> bool:
        """True if the state changed."""
        before = (state.listed_at, state.row_hash, state.via_user_id, state.pending, state.state)
        if state.state == State.GONE:
            state.begin_anew()
        state.listed_at = _listed_at(head.last_updated_at, self.server_time)
        row_hash = content_hash([item])
        if row_hash != state.row_hash:
            state.row_hash = row_hash
            self._items.append(item)
        if state.via_user_id is None:
            state.via_user_id = self.via_user_id
        if self.sweep:
            state.pending = Pending.SWEEP
        elif state.gate_is_open and not state.pending:
            state.pending = Pending.VISIT
            self.changed = True
        return before != (state.listed_at, state.row_hash, state.via_user_id, state.pending, state.state)


def _listed_at(last_updated_at: str | None, server_time: datetime) -> str | None:
    if last_updated_at is None:
        return None
    settled_before = (server_time - SETTLING).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return last_updated_at if last_updated_at < settled_before else last_updated_at + UNSETTLED
