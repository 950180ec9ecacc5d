"""What to fetch next: conversations before users, so that what is begun is finished, and nothing twice.

Units found on the way are kept in memory up to a bound; beyond it the ledger remembers them, and they are read back in
the order of their ids once the memory is empty. A conversation that a user's list will show is left for last: that list
tells whether it changed, and it needs no second visit then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import sqlalchemy as sa

from pipeline.walk import ledger as tables
from pipeline.walk.admission import ANYBODY, Guest
from pipeline.walk.roster import ConversationState, UserState
from pipeline.walk.seeds import Seed
from pipeline.walk.shelf import Shelf

HOT_LIMIT = 5_000
REFILL = 1_000
_columns = tables.conversations.c
_BEGUN = sa.or_(_columns.listed_at.is_not(None), _columns.via_user_id.is_(None))

Unit = ConversationState | UserState | Seed


class Frontier:
    """The queue of one app's walk."""

    def __init__(
        self,
        users: Shelf[UserState],
        conversations: Shelf[ConversationState],
        aliases: Iterator[Seed],
        *,
        guest: Guest = ANYBODY,
    ) -> None:
        self._users = users
        self._conversations = conversations
        self._aliases = aliases
        self._guest = guest
        self._hot_conversations: deque[ConversationState] = deque()
        self._hot_users: deque[UserState] = deque()
        self._active: set[str] = set()
        self.rescan()

    @property
    def active(self) -> int:
        """How many units were handed out or wait in memory."""
        return len(self._active)

    def offer(self, unit: ConversationState | UserState) -> None:
        """Take up a unit that has work to do; known ones are not taken twice, and those kept out not at all."""
        key = _key(unit)
        if not unit.pending or key in self._active or not self._admits(unit):
            return
        if isinstance(unit, ConversationState):
            if len(self._hot_conversations) < HOT_LIMIT:
                self._active.add(key)
                self._hot_conversations.append(unit)
        elif len(self._hot_users) < HOT_LIMIT:
            self._active.add(key)
            self._hot_users.append(unit)

    def pop(self) -> Unit | None:
        """The next unit, or None when neither memory nor the committed ledger has one."""
        while True:
            if self._hot_conversations:
                return self._hot_conversations.pop()
            if self._refill_conversations():
                continue
            if self._hot_users:
                return self._hot_users.pop()
            alias = next(self._aliases, None)
            if alias is not None:
                return alias
            if not self._refill_users() and not self._refill_late():
                return None

    def done(self, unit: Unit) -> None:
        """The unit was visited, whatever came of it; it may be offered again."""
        if not isinstance(unit, Seed):
            self._active.discard(_key(unit))

    def rescan(self) -> None:
        """Look through the ledger from its beginning again, after a commit."""
        self._scan_conversations: str | None = ""
        self._scan_users: str | None = ""
        self._scan_late: str | None = ""

    def _admits(self, unit: ConversationState | UserState) -> bool:
        if isinstance(unit, ConversationState):
            return self._guest.admits("conversation", unit.conversation_id)
        return self._guest.admits("user", unit.user_id)

    def _refill_conversations(self) -> bool:
        while self._scan_conversations is not None and not self._hot_conversations:
            self._scan_conversations = _refill(self._conversations, self._scan_conversations, self, only=_BEGUN)
        return bool(self._hot_conversations)

    def _refill_late(self) -> bool:
        if any(key.startswith("u") for key in self._active):
            return False  # a user's list is being read
        while self._scan_late is not None and not self._hot_conversations:
            self._scan_late = _refill(self._conversations, self._scan_late, self)
        return bool(self._hot_conversations)

    def _refill_users(self) -> bool:
        while self._scan_users is not None and not self._hot_users:
            self._scan_users = _refill(self._users, self._scan_users, self)
        return bool(self._hot_users)


def _refill(
    shelf: Shelf[UserState] | Shelf[ConversationState],
    after: str,
    frontier: Frontier,
    *,
    only: sa.ColumnElement[bool] | None = None,
) -> str | None:
    """Offer a batch from the ledger; returns where to go on, None at the end."""
    ids = shelf.pending_ids(after=after, limit=REFILL, only=only)
    states = shelf.get(ids)
    for key in reversed(ids):
        if key in states:
            frontier.offer(states[key])
    return ids[-1] if ids else None


def _key(unit: ConversationState | UserState) -> str:
    return f"c{unit.conversation_id}" if isinstance(unit, ConversationState) else f"u{unit.user_id}"
