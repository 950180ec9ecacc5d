from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.responses import JSONResponse

from pipeline.api import resources
from pipeline.api.pagination import Direction, pages
from pipeline.api.routes import Route
from pipeline.errors import ProtocolError

from .conftest import FakeApi

FIRST, SECOND, THIRD = (f"{number:024x}" for number in (1, 2, 3))


def page(name: str, *, key: str = "messages", **rest: Any) -> JSONResponse:
    """A page with one record."""
    return JSONResponse({key: [{"id": name}], **rest})


def walk(
    api: FakeApi,
    route: Route = resources.LIST_MESSAGES,
    *,
    direction: Direction = "backward",
    start_cursor: str | None = None,
    page_size: int | None = None,
) -> list[tuple[str | None, str | None]]:
    """Walk to the end; returns the cursors of each page."""

    async def run() -> list[tuple[str | None, str | None]]:
        path = dict.fromkeys(route.placeholders, "x")
        async with api.client() as client:
            walked = pages(
                client, route, path=path, query={}, direction=direction, start_cursor=start_cursor, page_size=page_size
            )
            return [(each.cursor, each.next_cursor) async for each in walked]

    return asyncio.run(run())


def test_backward_walk_follows_before_cursors(api: FakeApi) -> None:
    """Messages are walked from the newest page to the oldest, without a page size."""
    api.will(
        page("c", meta={"hasMore": True, "beforeCursor": THIRD, "afterCursor": "9"}),
        page("b", meta={"hasMore": True, "beforeCursor": SECOND}),
        page("a", meta={"hasMore": False, "beforeCursor": FIRST}),
    )
    assert walk(api) == [(None, THIRD), (THIRD, SECOND), (SECOND, None)]
    assert [asked.query for asked in api.asked] == ["", f"page%5Bbefore%5D={THIRD}", f"page%5Bbefore%5D={SECOND}"]


def test_forward_walk_goes_on_from_a_cursor(api: FakeApi) -> None:
    """A later visit asks for what came after the head."""
    api.will(page("c", meta={"hasMore": True, "afterCursor": SECOND}), page("d", meta={"hasMore": False}))
    assert walk(api, direction="forward", start_cursor=FIRST) == [(FIRST, SECOND), (SECOND, None)]
    assert [asked.query for asked in api.asked] == [f"page%5Bafter%5D={FIRST}", f"page%5Bafter%5D={SECOND}"]


def test_lists_ask_for_full_pages(api: FakeApi) -> None:
    """Where a size is allowed, 100 is asked for, or what the caller wants."""
    api.will(page("a", key="clients"))
    walk(api, resources.LIST_CLIENTS, direction="forward")
    walk(api, resources.LIST_CLIENTS, direction="forward", page_size=7)
    assert [asked.query for asked in api.asked] == ["page%5Bsize%5D=100", "page%5Bsize%5D=7"]


def test_the_callers_filter_goes_with_every_page(api: FakeApi) -> None:
    """Further query parameters are repeated on each page."""
    api.will(
        page("a", key="conversations", meta={"hasMore": True, "afterCursor": FIRST}), page("b", key="conversations")
    )

    async def run() -> list[bytes]:
        query = resources.conversations_of("u")
        route = resources.LIST_CONVERSATIONS
        async with api.client() as client:
            walked = pages(client, route, path={"appId": "a"}, query=query, direction="forward")
            return [bytes(item) async for each in walked for item in each.items]

    assert asyncio.run(run()) == [b'{"id":"a"}', b'{"id":"b"}']
    assert api.asked[1].query == f"filter%5BuserId%5D=u&page%5Bsize%5D=100&page%5Bafter%5D={FIRST}"


@pytest.mark.parametrize("rest", [{}, {"meta": None, "links": None}, {"meta": {}}, {"meta": {"afterCursor": FIRST}}])
def test_without_paging_state_a_page_is_the_last(api: FakeApi, rest: dict[str, Any]) -> None:
    """An answer that names no further page in the walk's direction ends it."""
    api.will(page("a", **rest))
    assert walk(api) == [(None, None)]


@pytest.mark.parametrize("meta", [{"hasMore": True}, {}, None])
def test_a_link_lends_its_cursor_and_is_not_followed(api: FakeApi, meta: dict[str, Any] | None) -> None:
    """Where meta lacks the cursor, the link's is used, on our own host and path."""
    link = f"https://elsewhere.example/other?x=1&page[before]={FIRST}"
    api.will(page("b", meta=meta, links={"prev": link}), page("a"))
    assert walk(api) == [(None, FIRST), (FIRST, None)]
    assert api.asked[1].raw_path == "/sc/v2/apps/x/conversations/x/messages"


@pytest.mark.parametrize("links", [None, {}, {"prev": "https://x.example/?page[after]=1"}, {"prev": "http://[bad"}])
def test_more_without_a_cursor_is_an_error(api: FakeApi, links: dict[str, str] | None) -> None:
    """A server that announces more but gives no way to it must not make us believe that we have all."""
    api.will(page("a", meta={"hasMore": True}, links=links))
    with pytest.raises(ProtocolError, match="without a cursor"):
        walk(api)


def test_a_passing_circle_is_survived(api: FakeApi) -> None:
    """A page that names its own cursor again is asked for once more, and not given to the caller."""
    first = page("c", meta={"hasMore": True, "beforeCursor": SECOND})
    circle = page("b", meta={"hasMore": True, "beforeCursor": SECOND})
    api.will(first, circle, circle, page("b", meta={"hasMore": True, "beforeCursor": FIRST}), page("a"))
    assert walk(api) == [(None, SECOND), (SECOND, FIRST), (FIRST, None)]
    assert len(api.asked) == 5


def test_a_lasting_circle_is_an_error(api: FakeApi) -> None:
    """Pages that lead back to earlier ones end the walk after a few tries instead of running for ever."""
    api.will(
        page("c", meta={"hasMore": True, "beforeCursor": THIRD}),
        page("b", meta={"hasMore": True, "beforeCursor": SECOND}),
        page("a", meta={"hasMore": True, "beforeCursor": THIRD}),
    )
    with pytest.raises(ProtocolError, match="leads back") as caught:
        walk(api)
    assert THIRD not in str(caught.value)
    assert len(api.asked) == 7
