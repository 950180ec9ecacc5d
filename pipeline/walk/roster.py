"""The roster: every user and conversation ever heard of, how it was found, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Found(StrEnum):
    """How a user or conversation was found."""

    SEED = "seed"
    LIST = "list"
    PARTICIPANT = "participant"
    WEBHOOK = "webhook"
    MERGE = "merge"
    LAKE = "lake"


class State(StrEnum):
    """What became of a user or conversation."""

    KNOWN = "known"
    DONE = "done"
    GONE = "gone"
    MERGED = "merged"
    FORBIDDEN = "forbidden"
    FAILED = "failed"


class Pending(IntEnum):
    """What is still to be done: nothing, a visit, a visit that also renews the profile, or a sweep of everything."""

    NO = 0
    VISIT = 1
    SWEEP = 2


@dataclass(slots=True, weakref_slot=True)
class UserState:
    """One user's row in the ledger. The hashes are of what the lake already holds, None while it holds nothing."""

    app_id: str
    user_id: str
    found_by: str = Found.SEED
    state: str = State.KNOWN
    pending: int = Pending.VISIT
    merged_into: str | None = None
    row_hash: int | None = None
    clients_hash: int | None = None
    devices_hash: int | None = None
    error: str | None = None


@dataclass(slots=True, weakref_slot=True)
class ConversationState:
    """One conversation's row in the ledger.

    `head_id` and `tail_id` are the newest and oldest message that the lake holds, with their `received` texts;
    `complete` says that the history before the tail was read to its start. `listed_at` is the `lastUpdatedAt` last
    seen, `walked_at` the one that was current before the last complete visit: the gate (design.md, section 3).
    """

    app_id: str
    conversation_id: str
    found_by: str = Found.LIST
    via_user_id: str | None = None
    state: str = State.KNOWN
    pending: int = Pending.VISIT
    head_id: str | None = None
    head_at: str | None = None
    tail_id: str | None = None
    tail_at: str | None = None
    complete: bool = False
    listed_at: str | None = None
    walked_at: str | None = None
    messages: int = 0
    row_hash: int | None = None
    participants_hash: int | None = None
    error: str | None = None

    def begin_anew(self) -> None:
        """Forget what the lake holds of a conversation that was gone and is back: all of it lies below a tombstone."""
        self.state = State.KNOWN
        self.head_id = self.head_at = self.tail_id = self.tail_at = self.walked_at = None
        self.row_hash = self.participants_hash = None
        self.complete, self.messages = False, 0

    @property
    def gate_is_open(self) -> bool:
        """Whether messages may have come since the last complete visit."""
        return not self.complete or self.listed_at != self.walked_at
