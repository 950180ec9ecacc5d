"""What a sandbox app contains before anyone changes it: the interface between the worlds and the server.

Objects are what the API returns (JSON-ready dicts, camelCase, `id` first). A world is a pure function of its arguments:
asked twice, it gives equal objects, so that a server may forget what it rendered. Nothing here is mutable; changes over
time are the server's `state`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

JsonObject = dict[str, Any]


class World(Protocol):
    """One app's content. Unknown ids give None or an empty sequence."""

    @property
    def app(self) -> JsonObject:
        """The app with `subdomain`, as GET /v2/apps/{appId} returns it inside its envelope."""
        ...

    def integrations(self) -> Sequence[JsonObject]:
        """All integrations, secrets included, in the order in which the API lists them."""
        ...

    def switchboards(self) -> Sequence[JsonObject]:
        """All switchboards."""
        ...

    def switchboard_integrations(self, switchboard_id: str) -> Sequence[JsonObject]:
        """The integrations of one switchboard."""
        ...

    def webhooks(self, integration_id: str) -> Sequence[JsonObject]:
        """The webhooks of one custom integration, secrets included."""
        ...

    def user_ids(self) -> Iterator[str]:
        """Ids of all users, lazily, in a fixed order."""
        ...

    def conversation_ids(self) -> Iterator[str]:
        """Ids of all conversations, lazily, in a fixed order."""
        ...

    def seeds(self) -> Iterator[dict[str, str]]:
        """Rows of a seeds file, as few as will do: a walk from them that follows participants reaches everything.

        A row holds `user_id`, or `conversation_id` for a group that no participant leads to.
        """
        ...

    def user(self, user_id: str) -> JsonObject | None:
        """One user."""
        ...

    def find_user(self, *, external_id: str, brand_id: str | None) -> str | None:
        """The id of the user with this external id within the brand (None: users without a brand)."""
        ...

    def find_users_by_email(self, email: str) -> Sequence[str]:
        """Ids of the users with an e-mail *identity* of this value; `profile.email` does not count (S: ListUsers)."""
        ...

    def clients(self, user_id: str) -> Sequence[JsonObject]:
        """The clients of a user."""
        ...

    def devices(self, user_id: str) -> Sequence[JsonObject]:
        """The devices of a user, last seen first."""
        ...

    def conversations_of(self, user_id: str) -> Sequence[str]:
        """Ids of the conversations that the user takes part in."""
        ...

    def conversation(self, conversation_id: str) -> JsonObject | None:
        """One conversation."""
        ...

    def participants(self, conversation_id: str) -> Sequence[JsonObject]:
        """The participants of a conversation; none for some groups."""
        ...

    def message_count(self, conversation_id: str) -> int:
        """How many messages `messages` would return, without rendering them."""
        ...

    def messages(self, conversation_id: str) -> Sequence[JsonObject]:
        """All messages, oldest first, ordered by (`received`, `id`)."""
        ...
