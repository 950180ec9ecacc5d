"""What a plan asks upstream, as a protocol: who is a user, and what talks are theirs. All of it only reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundUser:
    """A user as upstream shows it now. `user_id` may differ from the one asked for: that one was merged into it."""

    user_id: str = field(repr=False)
    external_id: str | None = field(default=None, repr=False)
    brand_id: str | None = None
    emails: frozenset[str] = field(default=frozenset(), repr=False)
    to_be_retained: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundConversation:
    """A conversation that upstream lists for a user. `type` is personal, sdkGroup, or None where it is not told."""

    conversation_id: str = field(repr=False)
    type: str | None = None
    is_default: bool = False


class UpstreamLookup(Protocol):
    """Reads from one app. A 404 of the thing asked for is an answer; any other failure raises an ApiError."""

    async def user(self, user_id: str) -> FoundUser | None:
        """The user with this id, or None."""

    async def user_by_external_id(self, external_id: str, *, brand_id: str | None) -> FoundUser | None:
        """The user that the API gives for an external id, or None; whether it has that external id is not checked."""

    async def users_by_email(self, email: str, *, brand_id: str | None) -> Sequence[FoundUser]:
        """The users with this e-mail identity; profiles are not searched (api.md, section 1)."""

    async def conversations(self, user_id: str) -> Sequence[FoundConversation]:
        """All conversations of a user."""

    async def participants(self, conversation_id: str) -> Sequence[str]:
        """The ids of the users who take part in a conversation; empty where it is gone."""
