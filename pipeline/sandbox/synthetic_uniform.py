"""A world for measurements: every conversation has the same number of full pages, rendered from templates.

No groups, nothing odd: user number n has one conversation, number n.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Final

from pipeline.errors import ConfigError
from pipeline.sandbox.ids import IdSpace, hashed_id, message_id, timestamp
from pipeline.sandbox.synthetic_uniform_messages import spoken, template
from pipeline.sandbox.world import JsonObject

PAGE_SIZE: Final = 100
_USER, _CONVERSATION, _PARTICIPANT, _CLIENT = range(4)
_START_SECONDS: Final = 1_735_725_600  # 2025-01-01T10:00:00Z
_SPREAD_SECONDS: Final = 420 * 86_400  # conversations begin within fourteen months
_MOST_CONVERSATIONS: Final = 1_000_000
_MOST_PAGES: Final = 300  # 30,000 messages: the API's limit per conversation


class UniformWorld:
    """Conversations of equal length.

    Args:
        seed: names the world; another seed gives other ids and times.
        size: the number of conversations, and of users; at most 1,000,000.
        pages: full pages of 100 messages in each conversation; at most 300.

    Raises:
        ConfigError: a number is out of range.
    """

    def __init__(self, seed: int, size: int, *, pages: int) -> None:
        if not 1 <= size <= _MOST_CONVERSATIONS:
            raise ConfigError(f"size must be from 1 to {_MOST_CONVERSATIONS:,}")
        if not 1 <= pages <= _MOST_PAGES:
            raise ConfigError(f"uniform_pages must be from 1 to {_MOST_PAGES}")
        self._seed = seed
        self._size = size
        self._length = pages * PAGE_SIZE
        self._ids = IdSpace(f"uniform:{seed}")
        self._app_id = hashed_id("uniform", str(seed), str(size), str(pages))
        self._integration_id = hashed_id("uniform", "integration", str(seed))
        self._templates = tuple(template(position, self._integration_id) for position in range(PAGE_SIZE))

    @property
    def app(self) -> JsonObject:
        """The app with `subdomain`."""
        return {
            "id": self._app_id,
            "displayName": "Uniform",
            "settings": {"conversationRetentionSeconds": 0, "multiConvoEnabled": True},
            "metadata": {},
            "subdomain": f"uniform-{self._seed}",
        }

    def integrations(self) -> Sequence[JsonObject]:
        """One integration: web."""
        return [{"id": self._integration_id, "type": "web", "status": "active", "displayName": "Web Messenger"}]

    def switchboards(self) -> Sequence[JsonObject]:
        """None."""
        return []

    def switchboard_integrations(self, switchboard_id: str) -> Sequence[JsonObject]:  # noqa: ARG002 - the protocol's signature
        """None."""
        return []

    def webhooks(self, integration_id: str) -> Sequence[JsonObject]:  # noqa: ARG002 - the protocol's signature
        """None."""
        return []

    def user_ids(self) -> Iterator[str]:
        """Ids of all users, by number."""
        return (self._ids.make(_USER, number) for number in range(self._size))

    def conversation_ids(self) -> Iterator[str]:
        """Ids of all conversations, by number."""
        return (self._ids.make(_CONVERSATION, number) for number in range(self._size))

    def seeds(self) -> Iterator[dict[str, str]]:
        """One row a user."""
        return ({"user_id": user} for user in self.user_ids())

    def user(self, user_id: str) -> JsonObject | None:
        """One user."""
        number = self._number(_USER, user_id)
        if number is None:
            return None
        return {
            "id": user_id,
            "authenticated": True,
            "externalId": f"crm-{number}",
            "signedUpAt": timestamp(self._begins(number) * 1000),
            "profile": {"givenName": "Guest", "surname": str(number), "locale": "en-US"},
            "metadata": {},
            "identities": [],
        }

    def find_user(self, *, external_id: str, brand_id: str | None) -> str | None:
        """The user with the external id `crm-<number>`."""
        prefix, _, digits = external_id.partition("crm-")
        if prefix or brand_id is not None or not digits.isdecimal() or digits != str(int(digits)):
            return None
        return self._ids.make(_USER, int(digits)) if int(digits) < self._size else None

    def find_users_by_email(self, email: str) -> Sequence[str]:  # noqa: ARG002 - the protocol's signature
        """None: no user has an e-mail identity."""
        return []

    def clients(self, user_id: str) -> Sequence[JsonObject]:
        """One client."""
        number = self._number(_USER, user_id)
        if number is None:
            return []
        seen = timestamp(self._begins(number) * 1000)
        return [{"id": self._ids.make(_CLIENT, number), "type": "sdk", "status": "active", "lastSeen": seen}]

    def devices(self, user_id: str) -> Sequence[JsonObject]:  # noqa: ARG002 - the protocol's signature
        """None."""
        return []

    def conversations_of(self, user_id: str) -> Sequence[str]:
        """The user's one conversation."""
        number = self._number(_USER, user_id)
        return [] if number is None else [self._ids.make(_CONVERSATION, number)]

    def conversation(self, conversation_id: str) -> JsonObject | None:
        """One conversation."""
        number = self._number(_CONVERSATION, conversation_id)
        if number is None:
            return None
        begins = self._begins(number)
        return {
            "id": conversation_id,
            "type": "personal",
            "metadata": {"line": number % 7},
            "isDefault": True,
            "lastUpdatedAt": _received(begins, self._length - 1),
            "createdAt": _received(begins, 0),
        }

    def participants(self, conversation_id: str) -> Sequence[JsonObject]:
        """The user."""
        number = self._number(_CONVERSATION, conversation_id)
        if number is None:
            return []
        return [
            {
                "id": self._ids.make(_PARTICIPANT, number),
                "userId": self._ids.make(_USER, number),
                "unreadCount": 0,
                "clientAssociations": [{"type": "sdk", "clientId": self._ids.make(_CLIENT, number)}],
                "userExternalId": f"crm-{number}",
            }
        ]

    def message_count(self, conversation_id: str) -> int:
        """The same for every conversation."""
        return 0 if self._number(_CONVERSATION, conversation_id) is None else self._length

    def messages(self, conversation_id: str) -> Sequence[JsonObject]:
        """All messages; but for the texts, which differ, the templates' objects are shared among them."""
        number = self._number(_CONVERSATION, conversation_id)
        if number is None:
            return []
        begins, token = self._begins(number), self._ids.token(_CONVERSATION, number)
        user = {"type": "user", "userId": self._ids.make(_USER, number), "displayName": f"Guest {number}"}
        agent = {"type": "business", "subtypes": ["agent"], "displayName": "Kim of Support"}
        dice = random.Random(f"uniform:{self._seed}:{number}")  # noqa: S311 - filler text, the same in every run
        return [
            {
                "id": message_id(begins + position * 37, token, position),
                "received": _received(begins, position),
                "author": agent if position % 2 else user,
                **self._templates[position % PAGE_SIZE],
                "content": spoken(self._templates[position % PAGE_SIZE]["content"], dice),
            }
            for position in range(self._length)
        ]

    def _number(self, kind: int, text: str) -> int | None:
        number = self._ids.read(kind, text)
        return number if number is not None and number < self._size else None

    def _begins(self, number: int) -> int:
        # A large step, coprime to the spread, scatters neighbours over the months.
        return _START_SECONDS + (number * 7_654_321 + self._seed * 86_413) % _SPREAD_SECONDS


def _received(begins: int, position: int) -> str:
    return timestamp((begins + position * 37) * 1000 + position % 1000)
