"""Cursor pagination as the specification describes it (section API Pagination, schemas `page`, `meta`, `links`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import msgspec

from pipeline.sandbox.answers import Answer, bad_request
from pipeline.sandbox.roll import Roll

DEFAULT_SIZE = 25
MAX_SIZE = 100
MESSAGES_SIZE = 100
CURSOR_LENGTH = 24

_CURSORS = frozenset({"page[after]", "page[before]"})

Query = Mapping[str, Sequence[str]]
T = TypeVar("T")

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class PageQuery:
    """The `page` parameter of a call."""

    after: str | None
    before: str | None
    size: int


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A cut of a list; a cursor is None where there is no page on that side."""

    items: list[T]
    has_more: bool
    before: str | None
    after: str | None


def read_page_query(query: Query, *, fixed_size: int | None = None) -> PageQuery:
    """Read `page[after]`, `page[before]`, `page[size]`; a fixed size makes the last one meaningless.

    Raises:
        Refusal: 400 for both cursors at once, cursors that are not 24 characters, sizes outside 1..100, and repeated or
            unknown members.
    """
    members = {name: values for name, values in query.items() if name.startswith("page")}
    unknown = members.keys() - {"page[after]", "page[before]", "page[size]"}
    if unknown or any(len(values) != 1 for values in members.values()):
        raise bad_request("Invalid page query parameters")
    after, before = (_cursor(members.get(f"page[{side}]")) for side in ("after", "before"))
    if after is not None and before is not None:
        raise bad_request("Invalid page query parameters: only one of after or before can be provided")
    return PageQuery(after, before, fixed_size or _size(members.get("page[size]")))


def cut(roll: Roll[T], page: PageQuery, *, newest_first: bool = False, refuse_ghosts: bool = False) -> Page[T]:
    """Cut one page out of a list; without a cursor the first one, or with `newest_first` the last.

    Raises:
        Refusal: 400 for a cursor that points at no record of this list, or (with `refuse_ghosts`) at a deleted one.
    """
    living = roll.living()
    cursor = page.after or page.before
    if cursor is not None:
        place = roll.place(cursor)
        if place is None or (refuse_ghosts and roll.items[place] is None):
            raise bad_request("Invalid page query parameters: unknown cursor")
    else:
        place = 0
    backward = page.before is not None or (newest_first and cursor is None)
    if backward:
        end = len(living) if cursor is None else roll.count_before(place)
        start = max(0, end - page.size)
    else:
        start = 0 if cursor is None else roll.count_through(place)
        end = min(len(living), start + page.size)
    return _page(roll, start, end, backward=backward)


def envelope(
    name: str, parts: Sequence[bytes], page: Page[Any], *, url: str, query: Query, sparse: bool = False
) -> Answer:
    """The answer of a paged list: `{"<name>": [...], "meta": {...}, "links": {...}}`.

    Args:
        name: the member that holds the list.
        parts: the encoded records.
        page: where the cursors come from.
        url: absolute URL of the list, without query.
        query: the query of the call; the links keep everything but the cursors.
        sparse: leave out meta and links where there is no other page.
    """
    body = b'{"%b":[%b]' % (name.encode(), b",".join(parts))
    if sparse and not page.has_more and page.before is None and page.after is None:
        return Answer(200, body + b"}")
    meta: dict[str, Any] = {"hasMore": page.has_more}
    links: dict[str, str] = {}
    for cursor, side, link in ((page.before, "before", "prev"), (page.after, "after", "next")):
        if cursor is not None:
            meta[f"{side}Cursor"] = cursor
            links[link] = f"{url}?page[{side}]={cursor}{_kept(query)}"
    return Answer(200, b'%b,"meta":%b,"links":%b}' % (body, _encode(meta), _encode(links)))


def _kept(query: Query) -> str:
    pairs = ((key, value) for key, values in query.items() for value in values)
    return "".join(f"&{key}={quote(value, safe='')}" for key, value in pairs if key not in _CURSORS)


def _page(roll: Roll[T], start: int, end: int, *, backward: bool) -> Page[T]:
    living = roll.living()
    items = [item for place in living[start:end] if (item := roll.items[place]) is not None]
    has_before, has_after = start > 0, end < len(living)
    # An empty page has no record to name as a cursor.
    before = roll.ids[living[start]] if has_before and items else None
    after = roll.ids[living[end - 1]] if has_after and items else None
    return Page(items, has_before if backward else has_after, before, after)


def _cursor(values: Sequence[str] | None) -> str | None:
    if values is None:
        return None
    if len(values[0]) != CURSOR_LENGTH:
        raise bad_request("Invalid page query parameters: a cursor is a record id of 24 characters")
    return values[0]


def _size(values: Sequence[str] | None) -> int:
    if values is None:
        return DEFAULT_SIZE
    if not values[0].isascii() or not values[0].isdigit() or not 1 <= int(values[0][:4]) <= MAX_SIZE:
        raise bad_request("Invalid page query parameters: size must be between 1 and 100")
    return int(values[0])
