"""Stand-ins for what other parts give to a plan: keys and upstream."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.privacy.people.lookup import FoundConversation, FoundUser


@dataclass(frozen=True)
class FakeMacs:
    """A keyring of keys that everybody knows."""

    key_ids: tuple[str, ...] = ("k1",)

    @property
    def key_id(self) -> str:
        """The newest key."""
        return self.key_ids[0]

    def mac(self, purpose: str, *parts: str, key_id: str | None = None) -> str:
        """HMAC over all of it."""
        return hmac.digest((key_id or self.key_id).encode(), "|".join((purpose, *parts)).encode(), "sha256").hex()


@dataclass
class FakeUpstream:
    """An app upstream, as its answers; counts what it is asked."""

    users: dict[str, FoundUser] = field(default_factory=dict)
    talks: dict[str, list[FoundConversation]] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def add(self, user: FoundUser, *, old_id: str = "") -> None:
        """Let a user be there, under an id of a discarded one too."""
        self.users[user.user_id] = user
        if old_id:
            self.users[old_id] = user

    async def user(self, user_id: str) -> FoundUser | None:
        """By id."""
        self.asked.append("user")
        return self.users.get(user_id)

    async def user_by_external_id(self, external_id: str, *, brand_id: str | None) -> FoundUser | None:
        """By external id, or by id if it looks like one, as the API does."""
        self.asked.append("external")
        for user in self.users.values():
            if user.external_id == external_id and brand_id in {None, user.brand_id}:
                return user
        return self.users.get(external_id)

    async def users_by_email(self, email: str, *, brand_id: str | None) -> Sequence[FoundUser]:
        """By e-mail identity."""
        self.asked.append("email")
        return [user for user in self.users.values() if email in user.emails]

    async def conversations(self, user_id: str) -> Sequence[FoundConversation]:
        """Of a user."""
        self.asked.append("conversations")
        return self.talks.get(user_id, [])

    async def participants(self, conversation_id: str) -> Sequence[str]:
        """Of a conversation."""
        self.asked.append("participants")
        return self.members.get(conversation_id, [])
