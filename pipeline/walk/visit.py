"""What every visit needs: the client, the roster, the queue, and the way to the lake."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from pipeline.api.client import ApiClient
from pipeline.api.pagination import Direction
from pipeline.api.routes import Route
from pipeline.walk import fetch
from pipeline.walk.admission import ANYBODY, Guest
from pipeline.walk.fetch import Page
from pipeline.walk.frontier import Frontier
from pipeline.walk.roster import ConversationState, Found, Pending, UserState
from pipeline.walk.shelf import Shelf
from pipeline.walk.step import Step

PROFILES_KEPT = 1_000


@dataclass(slots=True)
class Counters:
    """What a run did so far. `notes` are sentences for the summary, such as lists that the key may not read."""

    users: int = 0
    conversations: int = 0
    messages: int = 0
    gone: int = 0
    failed: int = 0
    forbidden: int = 0
    notes: list[str] = field(default_factory=list)

    def note(self, sentence: str) -> None:
        """Say something once."""
        if sentence not in self.notes:
            self.notes.append(sentence)


@dataclass(slots=True)
class Visit:
    """The surroundings of a visit.

    `salt` keys the tags that stand for external ids and e-mails in the ledger. `is_sweep` says that the run has marked
    every conversation for a sweep already. `guest` says who may be looked at.
    """

    app_id: str
    client: ApiClient
    users: Shelf[UserState]
    conversations: Shelf[ConversationState]
    frontier: Frontier
    emit: Callable[[Step], Awaitable[None]]
    counters: Counters
    salt: bytes
    is_sweep: bool = False
    has_retention: bool = False
    profiles: dict[str, Page] = field(default_factory=dict)
    guest: Guest = ANYBODY

    async def get(self, route: Route, ids: Mapping[str, str], *, query: Mapping[str, str] | None = None) -> Page:
        """Ask for one object of the app; `ids` fill the other placeholders of the route."""
        return await fetch.get(self.client, route, path={"appId": self.app_id, **ids}, query=query or {})

    def pages(
        self,
        route: Route,
        ids: Mapping[str, str],
        *,
        query: Mapping[str, str] | None = None,
        direction: Direction = "forward",
        start_cursor: str | None = None,
        kind: type[msgspec.Struct] | None = None,
    ) -> AsyncIterator[Page]:
        """Ask for a list of the app, page by page; `kind` as in `fetch.pages`."""
        path = {"appId": self.app_id, **ids}
        return fetch.pages(
            self.client, route, path=path, query=query or {}, direction=direction, start_cursor=start_cursor, kind=kind
        )

    def keep_profile(self, user_id: str, page: Page) -> None:
        """Keep an answer that already holds a user until that user is visited."""
        if len(self.profiles) < PROFILES_KEPT:
            self.profiles[user_id] = page

    def know_user(self, user_id: str, step: Step, *, found_by: Found, pending: Pending = Pending.VISIT) -> UserState:
        """The state of a user that was just heard of; one that is new to the roster joins the step.

        A known user is asked for again only for a sweep, when something about it must have changed. The caller offers
        the user to the frontier once the step is emitted. Somebody who is kept out joins nothing and has nothing to do.
        """
        if not self.guest.admits("user", user_id):
            return UserState(self.app_id, user_id, pending=Pending.NO)
        user = self.users.get([user_id]).get(user_id)
        if user is None:
            user = self.users.add(UserState(self.app_id, user_id, found_by=found_by, pending=pending))
            step.users.append(self.users.changed(user))
        elif pending > max(user.pending, Pending.VISIT):
            user.pending = pending
            step.users.append(self.users.changed(user))
        return user


def content_hash(items: Iterable[bytes]) -> int:
    """A signed 64-bit hash of JSON texts, independent of their order."""
    total = 0
    for item in items:
        total += int.from_bytes(hashlib.blake2b(item, digest_size=8).digest(), "big")
    total &= (1 << 64) - 1
    return total - (1 << 64) if total >= 1 << 63 else total
