"""A generated world of up to a million conversations: all that the specification allows, and what it may allow next.

Nothing is stored: every object follows from the seed and the number that its id hides, so the world is as quick to open
with a million conversations as with one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pipeline.errors import ConfigError
from pipeline.sandbox import (
    synthetic_clients,
    synthetic_conversations,
    synthetic_messages,
    synthetic_setup,
    synthetic_users,
)
from pipeline.sandbox.synthetic_dice import USUAL_STRANGENESS
from pipeline.sandbox.synthetic_plan import Plan, Shape
from pipeline.sandbox.synthetic_realm import Kind, Realm
from pipeline.sandbox.world import JsonObject

MOST_CONVERSATIONS: Final = 1_000_000


class SyntheticWorld:
    """A world made from a seed.

    Args:
        seed: names the world; another seed gives another world.
        size: the number of conversations, at most 1,000,000; there are about two users for three conversations.
        strangeness: how often odd things occur: 0 is a plain help desk, 0.3 the default, 1 the most.

    Raises:
        ConfigError: a number is out of range.
    """

    def __init__(self, seed: int, size: int, *, strangeness: float = USUAL_STRANGENESS) -> None:
        if not 1 <= size <= MOST_CONVERSATIONS:
            raise ConfigError(f"size must be from 1 to {MOST_CONVERSATIONS:,}")
        if not 0 <= strangeness <= 1:
            raise ConfigError("strangeness must be from 0 to 1")
        self._realm = Realm(seed, size, strangeness)
        self._plan = Plan(self._realm)

    @property
    def app(self) -> JsonObject:
        """The app with `subdomain`."""
        return synthetic_setup.app(self._realm)

    def integrations(self) -> Sequence[JsonObject]:
        """An integration of every type, and of types that the specification doesn't list."""
        return synthetic_setup.integrations(self._realm)

    def switchboards(self) -> Sequence[JsonObject]:
        """Two switchboards."""
        return synthetic_setup.switchboards(self._realm)

    def switchboard_integrations(self, switchboard_id: str) -> Sequence[JsonObject]:
        """The integrations of one switchboard."""
        return synthetic_setup.switchboard_integrations(self._realm, switchboard_id)

    def webhooks(self, integration_id: str) -> Sequence[JsonObject]:
        """The webhook of a custom integration."""
        return synthetic_setup.webhooks(self._realm, integration_id)

    def user_ids(self) -> Iterator[str]:
        """Ids of all users, by number."""
        return (self._realm.ids.make(Kind.USER, number) for number in range(self._plan.user_count))

    def conversation_ids(self) -> Iterator[str]:
        """Ids of all conversations, by number."""
        return (self._realm.ids.make(Kind.CONVERSATION, number) for number in range(self._realm.size))

    def seeds(self) -> Iterator[dict[str, str]]:
        """One user of each set that groups link, and each group that nobody takes part in."""
        for kind, number in self._plan.seeds():
            yield {"user_id" if kind is Kind.USER else "conversation_id": self._realm.ids.make(kind, number)}

    def user(self, user_id: str) -> JsonObject | None:
        """One user."""
        number = self._user(user_id)
        return None if number is None else synthetic_users.user(self._realm, number)

    def find_user(self, *, external_id: str, brand_id: str | None) -> str | None:
        """The id of the user with this external id within the brand."""
        count = self._plan.user_count
        number = synthetic_users.user_of_external_id(self._realm, count, external_id, brand_id)
        return None if number is None else self._realm.ids.make(Kind.USER, number)

    def find_users_by_email(self, email: str) -> Sequence[str]:
        """Ids of the users with this e-mail identity."""
        numbers = synthetic_users.users_of_email(self._realm, self._plan.user_count, email)
        return [self._realm.ids.make(Kind.USER, number) for number in numbers]

    def clients(self, user_id: str) -> Sequence[JsonObject]:
        """The clients of a user."""
        number = self._user(user_id)
        return [] if number is None else synthetic_clients.clients(self._realm, number)

    def devices(self, user_id: str) -> Sequence[JsonObject]:
        """The devices of a user, last seen first."""
        number = self._user(user_id)
        return [] if number is None else synthetic_clients.devices(self._realm, number)

    def conversations_of(self, user_id: str) -> Sequence[str]:
        """Ids of the conversations that the user takes part in, by number."""
        number = self._user(user_id)
        if number is None:
            return []
        return [self._realm.ids.make(Kind.CONVERSATION, found) for found in self._plan.conversations_of(number)]

    def conversation(self, conversation_id: str) -> JsonObject | None:
        """One conversation."""
        shape = self._shape(conversation_id)
        if shape is None:
            return None
        is_default = not shape.group and self._plan.default_conversation(shape.users[0]) == shape.number
        return synthetic_conversations.conversation(self._realm, shape, is_default=is_default)

    def participants(self, conversation_id: str) -> Sequence[JsonObject]:
        """The participants of a conversation; none for some groups."""
        shape = self._shape(conversation_id)
        return [] if shape is None else synthetic_conversations.participants(self._realm, shape)

    def message_count(self, conversation_id: str) -> int:
        """How many messages the conversation has: from 0 to 30,000."""
        shape = self._shape(conversation_id)
        return 0 if shape is None else shape.count

    def messages(self, conversation_id: str) -> Sequence[JsonObject]:
        """All messages, ordered by (`received`, `id`)."""
        shape = self._shape(conversation_id)
        return [] if shape is None else synthetic_messages.messages(self._realm, shape)

    def _user(self, user_id: str) -> int | None:
        number = self._realm.ids.read(Kind.USER, user_id)
        return number if number is not None and number < self._plan.user_count else None

    def _shape(self, conversation_id: str) -> Shape | None:
        number = self._realm.ids.read(Kind.CONVERSATION, conversation_id)
        return self._plan.shape(number) if number is not None and number < self._realm.size else None
