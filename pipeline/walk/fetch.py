"""Answers as the walk reads them: the records of one page, when they were read, and what to ask next."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar

import msgspec

from pipeline.api.answer import Answer
from pipeline.api.client import ApiClient
from pipeline.api.pagination import Direction
from pipeline.api.pagination import pages as answer_pages
from pipeline.api.routes import Route
from pipeline.errors import ProtocolError

T = TypeVar("T", bound=msgspec.Struct)


class Identified(msgspec.Struct):
    """What the walk reads of any object."""

    id: str


@dataclass(frozen=True)
class Page:
    """One answer. `next_cursor` is None on the last page of a walk and for objects."""

    route: Route
    answer: Answer
    fetched_at: datetime
    next_cursor: str | None = None

    @cached_property
    def items(self) -> list[bytes]:
        """The records as JSON text; one for a route that answers with an object; none of a page of a kind."""
        return [bytes(item) for item in self.answer.items]

    @property
    def server_time(self) -> datetime:
        """The server's clock at the answer, in its resolution of seconds; ours where it does not tell."""
        return self.answer.date or self.fetched_at

    def asked_for(self, kind: type[T]) -> list[T] | None:
        """The records, if they were asked for as of this kind, and each is; None for a page without records."""
        items = self.answer.items
        return items if items and type(items[0]) is kind else None

    def read(self, kind: type[T]) -> list[T]:
        """What the walk reads of each record.

        Raises:
            ProtocolError: a record lacks what the walk can't do without.
        """
        if not self.route.many:
            return read(self.answer.items, kind, route=self.route)
        asked_for = self.asked_for(kind)
        if asked_for is not None:
            return asked_for
        try:
            # The whole body at once is half the work of its records one by one.
            return _list_decoder(self.route.envelope, kind).decode(self.answer.body).items  # type: ignore[no-any-return]
        except msgspec.DecodeError:
            # The decoder's message quotes the record.
            pass
        raise ProtocolError("a record has no id or is no object; report it to Zendesk", route=self.route.name)


def read(items: Sequence[msgspec.Raw] | Sequence[bytes], kind: type[T], *, route: Route) -> list[T]:
    """What the walk reads of each record.

    Raises:
        ProtocolError: a record lacks what the walk can't do without.
    """
    decoder = _decoder(kind)
    try:
        return [decoder.decode(item) for item in items]
    except msgspec.DecodeError:
        # The decoder's message quotes the record.
        pass
    raise ProtocolError("a record has no id or is no object; report it to Zendesk", route=route.name)


async def get(client: ApiClient, route: Route, *, path: Mapping[str, str], query: Mapping[str, str]) -> Page:
    """Ask for one object."""
    answer = await client.get(route, path=path, query=query)
    return Page(route, answer, now())


async def pages(
    client: ApiClient,
    route: Route,
    *,
    path: Mapping[str, str],
    query: Mapping[str, str],
    direction: Direction,
    start_cursor: str | None,
    kind: type[msgspec.Struct] | None = None,
) -> AsyncIterator[Page]:
    """Ask for a list page by page; a list that is not paged is one page.

    Naming the `kind` that will be read of each record spares a second look at the body; such a page has no `items`.
    """
    if route.paging == "none":
        yield await get(client, route, path=path, query=query)
        return
    found = answer_pages(
        client, route, path=path, query=query, direction=direction, start_cursor=start_cursor, kind=kind
    )
    async for page in found:
        yield Page(route, page.answer, now(), page.next_cursor)


def now() -> datetime:
    """The present in UTC, in whole milliseconds as the lake stores it."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@functools.cache
def _list_decoder(envelope: str, kind: type[T]) -> msgspec.json.Decoder[Any]:
    fields = [("items", list[kind])]  # type: ignore[valid-type]  # a type made at run time
    return msgspec.json.Decoder(msgspec.defstruct(f"List_{envelope}", fields, rename={"items": envelope}))


@functools.cache
def _decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(kind)
