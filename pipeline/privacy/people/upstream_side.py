"""Asks upstream about a batch: who the requests mean there, who of the closure still lives, and their talks."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from pipeline.privacy.people.lookup import FoundUser, UpstreamLookup
from pipeline.privacy.people.merges import People
from pipeline.privacy.people.talks import KnownUpstream
from pipeline.privacy.requests.request import Identifier, Request

AT_ONCE: Final = 32

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


@dataclass(slots=True)
class Upstream:
    """What upstream has said so far. `None` where nobody asks upstream is a plan made offline.

    `users` holds each user asked for by id, None for one that is not there; `conversations` those of each user.
    """

    lookup: UpstreamLookup
    users: dict[str, FoundUser | None] = field(default_factory=dict, repr=False)
    conversations: dict[str, KnownUpstream] = field(default_factory=dict, repr=False)
    of_user: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set), repr=False)

    async def named_by(self, requests: Sequence[Request]) -> tuple[dict[int, set[str]], dict[int, set[str]]]:
        """The users that each request means, by its number: as it says, and by taking an external id for an id.

        Raises:
            ApiError: upstream can't be asked.
        """
        named: dict[int, set[str]] = defaultdict(set)
        otherwise: dict[int, set[str]] = defaultdict(set)

        async def ask(number: int) -> None:
            request = requests[number]
            for user in await self._users_of(request):
                self.users[user.user_id] = user
                fits = request.kind is not Identifier.EXTERNAL_ID or user.external_id == request.value
                (named if fits else otherwise)[number].add(user.user_id)
                if request.kind is Identifier.USER_ID:
                    named[number].add(request.value)  # merged into the user who answers, if that is another one

        await _each(range(len(requests)), ask)
        return named, otherwise

    async def check(self, user_ids: Iterable[str], people: People) -> set[str]:
        """Ask for each user that was not asked for yet; joins people that upstream knows to be one.

        Returns:
            users that were not known before.

        Raises:
            ApiError: upstream can't be asked.
        """
        asked = list(user_ids)

        async def ask(user_id: str) -> None:
            user = self.users[user_id] = await self.lookup.user(user_id)
            if user is not None:
                self.users[user.user_id] = user

        await _each([user_id for user_id in asked if user_id not in self.users], ask)
        new: set[str] = set()
        for user_id in asked:
            user = self.users[user_id]
            if user is not None and people.of(user.user_id) != people.of(user_id):
                people.join(user_id, user.user_id)
                new.add(user.user_id)
        return new

    async def list_talks(self, user_ids: Iterable[str]) -> None:
        """List the conversations of those users who live, and who takes part in them.

        Raises:
            ApiError: upstream can't be asked.
        """

        async def list_of(user_id: str) -> None:
            for found in await self.lookup.conversations(user_id):
                self.of_user[user_id].add(found.conversation_id)
                known = KnownUpstream(found.type, found.is_default, frozenset())
                self.conversations.setdefault(found.conversation_id, known)

        async def members_of(conversation_id: str) -> None:
            known = self.conversations[conversation_id]
            members = frozenset(await self.lookup.participants(conversation_id))
            self.conversations[conversation_id] = KnownUpstream(known.type, known.is_default, members)

        await _each([user_id for user_id in user_ids if self.lives(user_id)], list_of)
        await _each(list(self.conversations), members_of)

    def lives(self, user_id: str) -> bool:
        """Whether upstream showed this very user."""
        user = self.users.get(user_id)
        return user is not None and user.user_id == user_id

    async def _users_of(self, request: Request) -> Collection[FoundUser]:
        match request.kind:
            case Identifier.USER_ID:
                user = self.users[request.value] = await self.lookup.user(request.value)
                return [user] if user is not None else []
            case Identifier.EXTERNAL_ID:
                user = await self.lookup.user_by_external_id(request.value, brand_id=request.brand_id)
                return [user] if user is not None else []
            case Identifier.EMAIL:
                return await self.lookup.users_by_email(request.value, brand_id=request.brand_id)
            case Identifier.CLIENT_EXTERNAL_ID:
                return []  # no call finds a user by a client


async def _each(items: Sequence[Asked], ask: Callable[[Asked], Awaitable[Answer]]) -> None:
    """Ask for all, some at a time; the client's limiter sets the pace."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(item: Asked) -> None:
        async with gate:
            await ask(item)

    outcomes = await asyncio.gather(*(one(item) for item in items), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
