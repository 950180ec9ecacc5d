"""Asks upstream once more for all that it holds of one person, before the copy is made (gdpr.md, section 9).

Only the routes of `ROUTES` can be called, all of them GET. What can't be asked is counted and told; the rest goes on.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from pipeline.api import resources
from pipeline.api.routes import Route
from pipeline.config import Settings, key_pair
from pipeline.errors import ApiError, AuthenticationError, ConfigError
from pipeline.lake.rows import RowError
from pipeline.privacy.access.fresh import FreshFiles
from pipeline.privacy.access.told import Asked, Failure, Told
from pipeline.privacy.desk import open_client
from pipeline.privacy.upstream.reads import (
    Author,
    ConversationHead,
    ParticipantHead,
    Reads,
    UserHead,
    read_record,
)
from pipeline.suppression.subjects import Subject

ROUTES: Final[frozenset[Route]] = frozenset(
    {
        resources.GET_USER,
        resources.LIST_CLIENTS,
        resources.LIST_DEVICES,
        resources.LIST_CONVERSATIONS,
        resources.GET_CONVERSATION,
        resources.LIST_PARTICIPANTS,
        resources.LIST_MESSAGES,
    }
)
AT_ONCE: Final = 8
"""Conversations of one person that are read at the same time; the client's limiter sets the pace."""

MOST_FAILURES: Final = 3
"""After so many calls that ended badly nothing more is asked: each has waited long enough for upstream to recover."""

Upstream: TypeAlias = "Reads | Asked"
"""Whom to ask, or why nobody is."""


@asynccontextmanager
async def open_upstream(settings: Settings, app_id: str, *, is_offline: bool) -> AsyncIterator[Upstream]:
    """One client for all people of one app, with the limiter and the retries of an export."""
    if is_offline:
        yield Asked.OFFLINE
        return
    try:
        key_pair(settings.app(app_id))
    except ConfigError:
        yield Asked.NO_KEY
        return
    async with open_client(settings, app_id) as client:
        yield Reads(client, app_id, allowed=ROUTES)


async def ask_again(upstream: Upstream, subject: Subject, folder: Path, *, at: datetime) -> Told:
    """Read all that upstream holds of the subject: users, clients, devices, conversations, participants, messages.

    Of other members and authors their user objects are read, too, by which the copy knows what not to tell. Of a
    group that the subject has left, only what the subject wrote is taken: the rest is not theirs to see.

    Args:
        upstream: whom to ask.
        subject: the person; its closure is resolved.
        folder: a private folder for the rows.
        at: now, aware.

    Raises:
        StorageError: the rows can't be written. That upstream does not answer is told in the result instead.
    """
    if isinstance(upstream, Asked):
        return Told(asked=upstream)
    with FreshFiles(folder, at=at) as files:
        asking = _Asking(upstream, subject, files)
        await asking.everything()
    return Told(
        asked=Asked.PARTIAL if asking.failures else Asked.COMPLETE,
        at=at,
        files=files.paths,
        read={table: frozenset(ids) for table, ids in asking.read.items()},
        groups=frozenset(asking.groups),
        chats=frozenset(asking.chats),
        aliases=frozenset(asking.aliases),
        failures=asking.failures,
    )


class _Authored(msgspec.Struct):
    author: Author | None = None


class _Asking:
    def __init__(self, reads: Reads, subject: Subject, files: FreshFiles) -> None:
        self.read: dict[str, set[str]] = defaultdict(set)
        self.groups: set[str] = set()
        self.chats: set[str] = set()
        self.aliases: set[str] = set()
        self.failures: Counter[Failure] = Counter()
        self._reads = reads
        self._subject = subject
        self._files = files
        self._heads: dict[str, msgspec.Raw] = {}
        self._strangers: set[str] = set()
        self._is_refused = False

    async def everything(self) -> None:
        """Ask for all; what fails is counted."""
        subject = self._subject
        await self._each("users", self._user, subject.user_ids)
        named = subject.personal_conversation_ids | subject.default_conversation_ids | subject.group_conversation_ids
        await self._each("conversations", self._find_conversation, named - self._heads.keys())
        await self._each("conversations", self._conversation, self._heads.keys())
        await self._each("users", self._stranger, self._strangers - subject.user_ids)

    async def _each(self, table: str, ask: Callable[[str], Awaitable[None]], ids: Collection[str]) -> None:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(value: str) -> None:
            async with gate:
                await self._tried(table, ask, value)

        # Not a group of tasks, whose error would hide that of a disk that is full.
        outcomes = await asyncio.gather(*map(one, sorted(ids)), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def _tried(self, table: str, ask: Callable[[str], Awaitable[None]], value: str) -> None:
        if self._is_refused or self.failures.total() >= MOST_FAILURES:
            self.failures[table, "not_asked"] += 1
            return
        try:
            await ask(value)
        except ApiError as error:
            self._is_refused = self._is_refused or isinstance(error, AuthenticationError)
            self.failures[table, str(error.status or "none")] += 1
        except RowError:
            self.failures[table, "unusable"] += 1

    async def _user(self, user_id: str) -> None:
        record = await self._reads.record(resources.GET_USER, {"userIdOrExternalId": user_id})
        head = None if record is None else read_record(record, UserHead, route=resources.GET_USER)
        if record is not None and head is not None and head.id == user_id:
            self._files.put("users", [record])
            await self._tried("conversations", self._list_conversations, user_id)
        elif head is not None and head.id not in self._subject.user_ids:
            # Somebody else has this id as external id, or it was merged since into whom nobody knows.
            self.failures["users", "somebody_else"] += 1
            return
        self.read["users"].add(user_id)
        if head is not None and head.id != user_id:
            return  # merged: the survivor answers for both
        await self._tried("clients", self._clients, user_id)
        await self._tried("devices", self._devices, user_id)

    async def _clients(self, user_id: str) -> None:
        await self._owned("clients", resources.LIST_CLIENTS, user_id)

    async def _devices(self, user_id: str) -> None:
        await self._owned("devices", resources.LIST_DEVICES, user_id)

    async def _owned(self, table: str, route: Route, user_id: str) -> None:
        async for page in self._reads.records(route, {"userIdOrExternalId": user_id}):
            self._files.put(table, page, {"user_id": user_id})
        self.read[table].add(user_id)

    async def _list_conversations(self, user_id: str) -> None:
        query = resources.conversations_of(user_id)
        async for page in self._reads.records(resources.LIST_CONVERSATIONS, {}, query):
            for record in page:
                self._heads[read_record(record, ConversationHead, route=resources.LIST_CONVERSATIONS).id] = record

    async def _find_conversation(self, conversation_id: str) -> None:
        """Ask for a conversation that upstream did not list for the subject: it may be gone, or a group they left."""
        record = await self._reads.record(resources.GET_CONVERSATION, {"conversationId": conversation_id})
        if record is None:
            for table in ("conversations", "participants", "messages"):
                self.read[table].add(conversation_id)
        elif read_record(record, ConversationHead, route=resources.GET_CONVERSATION).id == conversation_id:
            self._heads[conversation_id] = record

    async def _conversation(self, conversation_id: str) -> None:
        record = self._heads[conversation_id]
        head = read_record(record, ConversationHead, route=resources.GET_CONVERSATION)
        members = await self._participants(conversation_id)
        mine = self._subject.user_ids
        is_group = head.type == "sdkGroup" or conversation_id in self._subject.group_conversation_ids
        is_group = is_group or not members <= mine
        (self.groups if is_group else self.chats).add(conversation_id)
        has_left = is_group and members.isdisjoint(mine)
        if not has_left:
            self._files.put("conversations", [record])
            self.read["conversations"].add(conversation_id)
            self._strangers |= members
        await self._tried("messages", self._own_messages if has_left else self._messages, conversation_id)

    async def _participants(self, conversation_id: str) -> set[str]:
        """All of them, since the copy calls each other member by another name; returns their users."""
        route = resources.LIST_PARTICIPANTS
        users: set[str | None] = set()
        async for page in self._reads.records(route, {"conversationId": conversation_id}):
            self._files.put("participants", page, {"conversation_id": conversation_id})
            users.update(read_record(record, ParticipantHead, route=route).user_id for record in page)
        self.read["participants"].add(conversation_id)
        return {user_id for user_id in users if user_id is not None}

    async def _messages(self, conversation_id: str) -> None:
        async for page in self._reads.records(resources.LIST_MESSAGES, {"conversationId": conversation_id}):
            self._files.put("messages", page, {"conversation_id": conversation_id})
            self._strangers.update(author for record in page if (author := _author_of(record)) is not None)
        self.read["messages"].add(conversation_id)

    async def _own_messages(self, conversation_id: str) -> None:
        async for page in self._reads.records(resources.LIST_MESSAGES, {"conversationId": conversation_id}):
            own = [record for record in page if _author_of(record) in self._subject.user_ids]
            self._files.put("messages", own, {"conversation_id": conversation_id})

    async def _stranger(self, user_id: str) -> None:
        """Another member or author, for the names and addresses that must not be told; or the person, merged since."""
        record = await self._reads.record(resources.GET_USER, {"userIdOrExternalId": user_id})
        if record is None:
            return
        head = read_record(record, UserHead, route=resources.GET_USER)
        if head.id == user_id:
            self._files.put("users", [record])
        elif head.id in self._subject.user_ids and head.external_id != user_id:
            self.aliases.add(user_id)
            self.read["users"].add(user_id)


def _author_of(record: msgspec.Raw) -> str | None:
    author = read_record(record, _Authored, route=resources.LIST_MESSAGES).author
    return None if author is None else author.user_id
