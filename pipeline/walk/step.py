"""What the walk hands to the lake: rows, and the checkpoints that are true once those rows are committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pipeline.walk.message import Message
from pipeline.walk.roster import ConversationState, UserState
from pipeline.walk.shelf import Snapshot

Reason = Literal["gone", "deleted", "merged", "retention"]


@dataclass(frozen=True, slots=True)
class MessagePage:
    """The body of one ListMessages answer, whole; all its messages belong into the lake.

    `messages` are those of the body, if nothing is unusual about any.
    """

    body: bytes
    conversation_id: str
    fetched_at: datetime
    count: int
    messages: Sequence[Message] | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """Objects of one table as JSON text, with the ids of their parents by column name.

    `compare` asks the lake to write only those that differ from what it holds.
    """

    table: str
    items: Sequence[bytes]
    parents: Mapping[str, str]
    fetched_at: datetime
    compare: bool = False


@dataclass(frozen=True, slots=True)
class Tombstone:
    """One thing that upstream no longer has."""

    entity: str
    entity_id: str
    seen_at: datetime
    reason: Reason


@dataclass(frozen=True, slots=True)
class Reconcile:
    """The complete set of a parent's children: what the lake holds beyond it is gone upstream."""

    table: str
    parent_id: str
    present: frozenset[str]
    seen_at: datetime
    reason: Reason


@dataclass(frozen=True, slots=True)
class Alias:
    """What an external id or e-mail seed, known by its tag only, was resolved to; None for nobody."""

    tag: str
    user_id: str | None


@dataclass(frozen=True, slots=True)
class SetHash:
    """The hash of a parent's children as the lake holds them."""

    table: str
    parent_id: str
    set_hash: int


@dataclass(slots=True)
class Step:
    """The smallest thing that is committed whole."""

    pages: list[MessagePage] = field(default_factory=list)
    rows: list[Rows] = field(default_factory=list)
    tombstones: list[Tombstone] = field(default_factory=list)
    reconciles: list[Reconcile] = field(default_factory=list)
    users: list[Snapshot[UserState]] = field(default_factory=list)
    conversations: list[Snapshot[ConversationState]] = field(default_factory=list)
    aliases: list[Alias] = field(default_factory=list)
    sets: list[SetHash] = field(default_factory=list)
