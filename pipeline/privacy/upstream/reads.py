"""Reading one app upstream: users, conversations, participants, messages. That something is gone is an answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from pipeline.api import resources
from pipeline.api.client import ApiClient
from pipeline.api.pagination import pages
from pipeline.api.routes import Route
from pipeline.api.sent import GONE_CODES
from pipeline.errors import ApiError, NotFoundError, ProtocolError

T = TypeVar("T", bound=msgspec.Struct)


class _Struct(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    def __repr__(self) -> str:
        return type(self).__name__  # the values are personal data


class Identity(_Struct, frozen=True):
    """One of a user's addresses."""

    type: str | None = None
    value: str | None = None


class UserHead(_Struct, frozen=True):
    """What is read of a user."""

    id: str
    external_id: str | None = None
    brand_id: str | None = None
    to_be_retained: bool | None = None
    identities: list[Identity] | None = None
    profile: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None


class ConversationHead(_Struct, frozen=True):
    """What is read of a conversation."""

    id: str
    type: str | None = None
    is_default: bool | None = None


class ParticipantHead(_Struct, frozen=True):
    """What is read of a participant."""

    id: str
    user_id: str | None = None
    user_external_id: str | None = None


class Author(_Struct, frozen=True):
    """What is read of a message's author."""

    type: str | None = None
    user_id: str | None = None


class MessageHead(_Struct, frozen=True):
    """What is read of a message."""

    id: str
    author: Author | None = None
    deleted: bool | None = None
    content: Any = None
    quoted_message: Any = None

    @property
    def author_id(self) -> str | None:
        """The user who wrote it, or None for the business and where upstream does not tell."""
        return None if self.author is None else self.author.user_id

    def media(self) -> Iterator[str]:
        """The uploads and links that it shows, wherever in its content; not those of what it quotes."""
        return _media(self.content)


class Reads:
    """Reads of one app, counted by status.

    A 404 about the thing asked for gives None or an empty list; one about the app raises, like every other failure.

    Args:
        client: the client.
        app_id: the app.
        allowed: the only routes that may be asked for whole records.
    """

    def __init__(self, client: ApiClient, app_id: str, *, allowed: frozenset[Route] = frozenset()) -> None:
        self.client = client
        self.app_id = app_id
        self._allowed = allowed
        self.statuses: Counter[str] = Counter()

    async def user(self, name: str, *, brand_id: str | None = None) -> UserHead | None:
        """The user that the API gives for an id or an external id; compare what comes back."""
        query = resources.of_brand(brand_id)
        return await self._object(resources.GET_USER, UserHead, {"userIdOrExternalId": name}, query)

    async def is_there(self, user_id: str) -> bool:
        """Whether a user still has this id: neither the survivor of a merge counts, nor a namesake by external id."""
        user = await self.user(user_id)
        if user is None or user.id == user_id:
            return user is not None
        return user.external_id == user_id and await self._lists_conversations_of(user_id)

    async def users_by_email(self, email: str, *, brand_id: str | None = None) -> list[UserHead]:
        """The users with this e-mail identity; profiles are not searched."""
        query = resources.users_with_email(email, brand_id=brand_id)
        found = await self._list(resources.LIST_USERS_BY_EMAIL, UserHead, {}, query)
        return found or []

    async def conversation(self, conversation_id: str) -> ConversationHead | None:
        """A conversation, or None."""
        ids = {"conversationId": conversation_id}
        return await self._object(resources.GET_CONVERSATION, ConversationHead, ids, {})

    async def conversations(self, user_id: str) -> list[ConversationHead]:
        """All conversations of the user with this id."""
        query = resources.conversations_of(user_id)
        return await self._list(resources.LIST_CONVERSATIONS, ConversationHead, {}, query) or []

    async def conversations_by_external_id(self, external_id: str) -> list[ConversationHead] | None:
        """All conversations of the user with this external id and no brand; None if there is no such user."""
        query = {"filter[userExternalId]": external_id}
        return await self._list(resources.LIST_CONVERSATIONS, ConversationHead, {}, query)

    async def participants(self, conversation_id: str) -> list[ParticipantHead]:
        """All participants of a conversation."""
        ids = {"conversationId": conversation_id}
        return await self._list(resources.LIST_PARTICIPANTS, ParticipantHead, ids, {}) or []

    async def messages(self, conversation_id: str) -> list[MessageHead] | None:
        """All messages of a conversation, deleted ones included; None if it is gone."""
        ids = {"conversationId": conversation_id}
        return await self._list(resources.LIST_MESSAGES, MessageHead, ids, {})

    async def _lists_conversations_of(self, user_id: str) -> bool:
        """Whether the filter by user id, which knows no external ids, finds a user."""
        query = resources.conversations_of(user_id)
        return await self._list(resources.LIST_CONVERSATIONS, ConversationHead, {}, query) is not None

    async def record(
        self, route: Route, ids: Mapping[str, str], query: Mapping[str, str] | None = None
    ) -> msgspec.Raw | None:
        """The whole object that a route gives, or None if it is gone; compare its id with the one asked for."""
        self._check(route)
        return await self._record(route, ids, query or {})

    async def records(
        self, route: Route, ids: Mapping[str, str], query: Mapping[str, str] | None = None
    ) -> AsyncIterator[list[msgspec.Raw]]:
        """The whole records of a list, page by page; none where that of which it is the list is gone."""
        self._check(route)
        try:
            async for page in self._pages(route, {"appId": self.app_id, **ids}, query or {}):
                yield page
        except ApiError as error:
            self._missed(error)

    def _check(self, route: Route) -> None:
        if route not in self._allowed:
            raise ValueError(f"{route.name} is none of the routes that may be asked")

    async def _record(self, route: Route, ids: Mapping[str, str], query: Mapping[str, str]) -> msgspec.Raw | None:
        try:
            answer = await self.client.get(route, path={"appId": self.app_id, **ids}, query=query)
        except ApiError as error:
            self._missed(error)
            return None
        self.statuses["200"] += 1
        record: msgspec.Raw = answer.items[0]
        return record

    async def _object(self, route: Route, kind: type[T], ids: Mapping[str, str], query: Mapping[str, str]) -> T | None:
        record = await self._record(route, ids, query)
        return None if record is None else read_record(record, kind, route=route)

    async def _list(
        self, route: Route, kind: type[T], ids: Mapping[str, str], query: Mapping[str, str]
    ) -> list[T] | None:
        pages_of_it = self._pages(route, {"appId": self.app_id, **ids}, query)
        try:
            return [read_record(item, kind, route=route) async for page in pages_of_it for item in page]
        except ApiError as error:
            self._missed(error)
            return None

    async def _pages(
        self, route: Route, path: Mapping[str, str], query: Mapping[str, str]
    ) -> AsyncIterator[list[msgspec.Raw]]:
        if route.paging == "none":
            answer = await self.client.get(route, path=path, query=query)
            self.statuses["200"] += 1
            yield answer.items
            return
        async for page in pages(self.client, route, path=path, query=query, direction=route.paging):
            self.statuses["200"] += 1
            yield page.items

    def _missed(self, error: ApiError) -> None:
        """Count a bad end, and raise it again unless it says that the very thing is gone."""
        self.statuses[str(error.status or "none")] += 1
        if not (isinstance(error, NotFoundError) and error.code in GONE_CODES):
            raise error


def read_record(item: msgspec.Raw, kind: type[T], *, route: Route) -> T:
    """What a kind reads of a whole record.

    Raises:
        ProtocolError: the record is of another shape.
    """
    try:
        return msgspec.json.decode(item, type=kind)
    except (msgspec.DecodeError, RecursionError):
        pass  # the decoder's message quotes the record
    raise ProtocolError("a record is not as the specification has it; report it to Zendesk", route=route.name)


def _media(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for member in value:
            yield from _media(member)
    elif isinstance(value, dict):
        for name, member in value.items():
            if name == "mediaUrl" and isinstance(member, str):
                yield member
            else:
                yield from _media(member)
