"""Walking a paged list: from `meta` and `links` to the next cursor (api.md, section 2). Knows nothing of endpoints."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from urllib.parse import parse_qs, urlsplit

import msgspec

from pipeline.api.answer import Answer, Links, Meta
from pipeline.api.client import ApiClient
from pipeline.api.routes import Route
from pipeline.errors import ProtocolError

Direction = Literal["forward", "backward"]

_PARAMETER: dict[Direction, str] = {"forward": "page[after]", "backward": "page[before]"}


class Paged(Protocol):
    """What paging needs of a decoded answer."""

    @property
    def meta(self) -> Meta | None:
        """`meta`, if the answer has it."""

    @property
    def links(self) -> Links | None:
        """`links`, if the answer has them."""


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """One page of a walk.

    Args:
        answer: the answer as it came.
        items: its records, as in `Answer`.
        cursor: the cursor that was asked with, or None for the first page of a walk from the edge.
        next_cursor: the cursor that the next page of this walk is asked with, or None on the last page.
    """

    answer: Answer
    items: list[Any] = field(repr=False)
    cursor: str | None = field(repr=False)
    next_cursor: str | None = field(repr=False)


async def pages(
    client: ApiClient,
    route: Route,
    *,
    path: Mapping[str, str],
    query: Mapping[str, str],
    direction: Direction,
    start_cursor: str | None = None,
    page_size: int | None = None,
    kind: type[msgspec.Struct] | None = None,
) -> AsyncIterator[PageAnswer]:
    """Walk a list page by page, from a cursor (exclusive) or from the edge of the list.

    A page that leads to a cursor that this walk has used already is asked for again, like a body that does not parse.

    Args:
        client: the client.
        route: a route that is paged.
        path: a value for each placeholder of the route's template.
        query: further query parameters, such as a filter.
        direction: which way to walk; of messages, backward is from the newest to the oldest.
        start_cursor: the record id to go on from, or None.
        page_size: records per page; by default the route's.
        kind: what to read of each record (see `Answer.items`).

    Raises:
        ApiError: a call ended badly.
        ProtocolError: more pages are announced without a cursor, or the walk runs in a circle.
    """
    size = page_size or route.page_size
    sized = query if size is None or route.page_size is None else {**query, "page[size]": str(size)}
    used: set[str] = set()
    cursor = start_cursor

    def circle(envelope: Paged) -> str | None:
        following = next_cursor(route, envelope, direction=direction)
        return "the page leads back to a page of the same walk" if following in used else None

    while True:
        if cursor is not None:
            used.add(cursor)
        asked = sized if cursor is None else {**sized, _PARAMETER[direction]: cursor}
        answer = await client.get(route, path=path, query=asked, fault=circle, kind=kind)
        following = next_cursor(route, answer, direction=direction)
        yield PageAnswer(answer=answer, items=answer.items, cursor=cursor, next_cursor=following)
        if following is None:
            return
        cursor = following


def next_cursor(route: Route, envelope: Paged, *, direction: Direction) -> str | None:
    """The cursor of the next page in a direction, or None if this page is the last.

    Without `meta` and without a link this is the last page; `meta.hasMore` overrules both cursor and link.

    Raises:
        ProtocolError: `hasMore` is true, and there is no cursor to go on with.
    """
    meta = envelope.meta or Meta()
    if meta.has_more is False:
        return None
    cursor = meta.after_cursor if direction == "forward" else meta.before_cursor
    found = cursor or _linked_cursor(envelope.links, direction=direction)
    if found is None and meta.has_more:
        raise ProtocolError("more pages are announced without a cursor; report it to Zendesk", route=route.name)
    return found


def _linked_cursor(links: Links | None, *, direction: Direction) -> str | None:
    """The cursor inside a link. The link itself is not followed: it may name any host."""
    link = None if links is None else links.next if direction == "forward" else links.prev
    if not link:
        return None
    try:
        values = parse_qs(urlsplit(link).query).get(_PARAMETER[direction])
    except ValueError:
        return None
    return values[0] if values else None
