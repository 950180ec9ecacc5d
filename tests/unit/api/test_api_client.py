"""What the client sends, and what it makes of good answers."""

from __future__ import annotations

import asyncio
import gzip
import json
from datetime import UTC, datetime

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pipeline.api import resources
from pipeline.api.answer import Answer
from pipeline.api.limiter import Limiter
from pipeline.errors import (
    BadRequestError,
    ProtocolError,
)

from .conftest import FakeApi
from .one_call import PATH, USER, get


def test_an_object_is_one_item(api: FakeApi) -> None:
    """A route that answers with an object gives it as a slice of the body, with the server's clock."""
    api.will(
        Response(
            b'{"user": {"id":"u"} }', headers={"date": "Sun, 22 Nov 2026 15:15:29 GMT"}, media_type="application/json"
        )
    )
    answer = get(api)
    assert [bytes(item) for item in answer.items] == [b'{"id":"u"}']
    assert (answer.status, answer.retries, answer.meta, answer.links) == (200, 0, None, None)
    assert answer.body == b'{"user": {"id":"u"} }'
    assert isinstance(answer.date, datetime)
    assert answer.date.tzinfo is UTC


def test_a_list_is_its_items_and_its_paging_state(api: FakeApi) -> None:
    """A list's records are slices of the body, and unknown fields beside them do no harm."""
    body = {
        "messages": [{"id": "1"}, {"id": "2"}],
        "meta": {"hasMore": True, "beforeCursor": "1", "new": 1},
        "links": None,
    }
    api.will(JSONResponse(body))
    answer = get(api, resources.LIST_MESSAGES, path={"appId": "a", "conversationId": "c"})
    assert [json.loads(bytes(item)) for item in answer.items] == body["messages"]
    assert answer.meta is not None
    assert (answer.meta.has_more, answer.meta.before_cursor) == (True, "1")


def test_the_request_is_sent_as_it_was_built(api: FakeApi) -> None:
    """The base URL's prefix stays, each path value is one segment on the wire, brackets are encoded."""
    api.will(USER)
    get(
        api,
        path={"appId": "a", "userIdOrExternalId": "../x@y:z,(1)?#%2e ü"},
        query={"page[after]": "1", "q": "a@b:/?&=+"},
    )
    [asked] = api.asked
    assert asked.method == "GET"
    assert asked.raw_path == "/sc/v2/apps/a/users/..%2Fx%40y%3Az%2C%281%29%3F%23%252e%20%C3%BC"
    assert asked.query == "page%5Bafter%5D=1&q=a%40b%3A%2F%3F%26%3D%2B"
    assert asked.headers["accept"] == "application/json"
    assert asked.headers["accept-encoding"] == "gzip"
    assert asked.headers["authorization"].startswith("Basic ")
    assert "cookie" not in asked.headers


def test_a_very_long_external_id_is_refused_unsent(api: FakeApi) -> None:
    """What no URL can hold is refused before it is sent; 1,024 characters of any script are sent."""
    api.will(USER)
    get(api, path={"appId": "a", "userIdOrExternalId": "雪" * 1024})
    with pytest.raises(BadRequestError, match="refused: too long") as caught:
        get(api, path={"appId": "a", "userIdOrExternalId": "雪" * 10_000})
    assert caught.value.status is None
    assert len(api.asked) == 1


def test_cookies_are_never_kept(api: FakeApi) -> None:
    """A cookie that the server sets is not sent back."""
    api.will(Response(b'{"user":{}}', headers={"set-cookie": "session=1; Path=/"}, media_type="application/json"))

    async def twice() -> None:
        async with api.client() as client:
            await client.get(resources.GET_USER, path=PATH, query={})
            await client.get(resources.GET_USER, path=PATH, query={})

    asyncio.run(twice())
    assert all("cookie" not in asked.headers for asked in api.asked)


def test_compressed_answers_are_inflated(api: FakeApi) -> None:
    """Compression is asked for and undone."""
    api.will(
        Response(
            gzip.compress(b'{"user":{"id":"u"}}'), headers={"content-encoding": "gzip"}, media_type="application/json"
        )
    )
    assert get(api).body == b'{"user":{"id":"u"}}'


@pytest.mark.parametrize("compressed", [False, True])
def test_a_huge_body_is_refused(api: FakeApi, *, compressed: bool) -> None:
    """A body beyond the limit is given up while it streams; a small body that inflates beyond it as well."""
    body = b'{"user":{"x":"' + b"x" * 200_000 + b'"}}'
    headers = {"content-encoding": "gzip"} if compressed else {}
    api.will(Response(gzip.compress(body) if compressed else body, headers=headers, media_type="application/json"))
    with pytest.raises(ProtocolError, match="larger than 100,000 bytes"):
        get(api, max_body_bytes=100_000)
    assert len(get(api, max_body_bytes=len(body)).body) == len(body)


def test_compression_that_was_not_asked_for_is_refused(api: FakeApi) -> None:
    """Only gzip is understood."""
    api.will(Response(b"??", headers={"content-encoding": "br"}, media_type="application/json"))
    with pytest.raises(ProtocolError, match="not asked for"):
        get(api)


def test_bytes_are_counted_as_they_came(api: FakeApi) -> None:
    """The limiter counts the bytes of the wire, not the inflated ones."""
    body = gzip.compress(b'{"user":{"x":"' + b"x" * 10_000 + b'"}}')
    api.will(Response(body, headers={"content-encoding": "gzip"}, media_type="application/json"))
    limiter = Limiter()
    get(api, limiter=limiter)
    assert limiter.snapshot().bytes == len(body)


def test_a_cancelled_call_frees_its_place(api: FakeApi) -> None:
    """Cancelling a call while it waits for the answer leaves room for the next one."""

    async def hang(_: Request) -> Response:
        await asyncio.sleep(0.5)
        return USER

    api.will(hang, USER)
    limiter = Limiter(start_rate=1000.0, max_concurrency=1)

    async def call() -> Answer:
        async with api.client(limiter=limiter) as client:
            first = asyncio.create_task(client.get(resources.GET_USER, path=PATH, query={}))
            while not api.asked:  # noqa: ASYNC110 - the server runs in another thread
                await asyncio.sleep(0.005)
            first.cancel()
            return await client.get(resources.GET_USER, path=PATH, query={})

    assert asyncio.run(call()).retries == 0
    assert limiter.snapshot().in_flight == 0
