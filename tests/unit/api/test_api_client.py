from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from pipeline.api import resources
from pipeline.api.answer import Answer
from pipeline.api.limiter import Limiter
from pipeline.api.routes import Route
from pipeline.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    ForbiddenError,
    NotFoundError,
    ProtocolError,
    UnavailableError,
)

from .conftest import FakeApi

USER = JSONResponse({"user": {"id": "u"}})
PATH = {"appId": "a", "userIdOrExternalId": "u"}


def get(
    api: FakeApi,
    route: Route = resources.GET_USER,
    *,
    path: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    **settings: Any,
) -> Answer:
    """Make one call."""

    async def call() -> Answer:
        async with api.client(**settings) as client:
            return await client.get(route, path=PATH if path is None else path, query=query or {})

    return asyncio.run(call())


def error_of(status: int, code: str) -> Response:
    """The API's error envelope."""
    return JSONResponse({"errors": [{"code": code, "title": "Somebody said something"}]}, status)


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


@pytest.mark.parametrize(
    ("reply", "kind", "status", "code", "says"),
    [
        (error_of(401, "unauthorized"), AuthenticationError, 401, "unauthorized", "check the key id"),
        (Response(b"", 401), AuthenticationError, 401, None, "check the key id"),
        (error_of(403, "forbidden"), ForbiddenError, 403, "forbidden", "scope account or app or integration"),
        (error_of(404, "user_not_found"), NotFoundError, 404, "user_not_found", "gone or never was"),
        (Response(b"<html>", 404, media_type="text/html"), ProtocolError, 404, None, "check the base URL"),
        (error_of(400, "bad_request"), BadRequestError, 400, "bad_request", "bad_request"),
        (error_of(402, "payment_required"), BadRequestError, 402, "payment_required", "402"),
        (error_of(409, "conflict"), BadRequestError, 409, "conflict", "409"),
        (error_of(423, "locked"), BadRequestError, 423, "locked", "423"),
        (error_of(400, "u@x.org said no"), BadRequestError, 400, None, "400"),
        (
            RedirectResponse("https://elsewhere.example/", 302),
            ProtocolError,
            302,
            None,
            "redirect, which is never followed",
        ),
        (RedirectResponse("http://[bad", 301), ProtocolError, 301, None, "redirect"),
        (Response(b"", 204), ProtocolError, 204, None, "204"),
        (Response(b"", 501), UnavailableError, 501, None, "501"),
        (Response(b"<html>Hi", media_type="text/html"), ProtocolError, 200, None, "not JSON"),
    ],
)
def test_a_refusal_is_a_typed_error_at_once(  # noqa: PLR0917 - a table has its columns
    api: FakeApi, reply: Response, kind: type[ApiError], status: int, code: str | None, says: str
) -> None:
    """Each kind of refusal has its error, with status and code, names the template only, and is not retried."""
    api.will(reply)
    with pytest.raises(kind, match=says) as caught:
        get(api)
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.code) == (status, code)
    assert caught.value.route == "GET /v2/apps/{appId}/users/{userIdOrExternalId}"
    assert "elsewhere" not in str(caught.value)
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    "reply",
    [
        *(Response(b"oops", status) for status in (429, 500, 502, 503, 504, 520, 522)),
        Response(b"", media_type="application/json"),
        Response(b""),
        Response(b'{"user":{"id"', media_type="application/json"),
        Response(b"[]", media_type="application/json"),
        Response(b"{}", media_type="application/json"),
        Response(b'{"user":null}', media_type="application/json"),
        Response(b'{"user":[]}', media_type="application/json"),
        Response(b'{"user":{"id":"\xff"}}', media_type="application/json"),
        Response(b"[" * 100_000, media_type="application/json"),
        Response(b"{}", 404, media_type="application/json"),
        Response(b"no gzip", headers={"content-encoding": "gzip"}, media_type="application/json"),
        Response(
            gzip.compress(b'{"user":{}}')[:-9], headers={"content-encoding": "gzip"}, media_type="application/json"
        ),
    ],
)
def test_what_may_pass_is_tried_again(api: FakeApi, reply: Response) -> None:
    """Transient statuses and unusable bodies are retried until the answer is good."""
    api.will(reply, reply, USER)
    limiter = Limiter(start_rate=1000.0)
    assert get(api, limiter=limiter).retries == 2
    counted = limiter.snapshot()
    assert (counted.calls, counted.retries) == (3, 2)
    assert counted.throttled == (2 if reply.status_code == 429 else 0)


def test_unusable_bodies_end_as_a_protocol_error(api: FakeApi) -> None:
    """A body that stays unusable is a ProtocolError after five tries, long before the time is over."""
    api.will(Response(b'{"user"', media_type="application/json"))
    with pytest.raises(ProtocolError, match="tried 5 times"):
        get(api, max_call_seconds=60.0)
    assert len(api.asked) == 5


def test_a_server_that_stays_down_ends_as_unavailable(api: FakeApi) -> None:
    """When the limit on total time is reached, the last failure is named."""
    api.will(Response(b"", 503))
    with pytest.raises(UnavailableError, match="the server answers 503") as caught:
        get(api, max_call_seconds=0.2)
    assert caught.value.status == 503
    assert len(api.asked) > 2


def test_silence_is_cut_by_the_read_timeout(api: FakeApi) -> None:
    """A server that hangs costs one read timeout, and the call is repeated."""

    async def hang(_: Request) -> Response:
        await asyncio.sleep(0.6)
        return USER

    api.will(hang, USER)
    assert get(api, read_timeout=0.2).retries == 1


def test_a_drip_is_cut_too(api: FakeApi) -> None:
    """A server that sends a byte now and then can't hold a call up for long."""

    async def drip(_: Request) -> Response:
        async def drops() -> AsyncIterator[bytes]:
            for _ in range(40):
                yield b" "
                await asyncio.sleep(0.05)

        return StreamingResponse(drops(), media_type="application/json")

    api.will(drip, USER)
    assert get(api, read_timeout=0.15).retries == 1


def test_silence_ends_with_the_call(api: FakeApi) -> None:
    """The limit on total time also cuts a try that is under way."""

    async def hang(_: Request) -> Response:
        await asyncio.sleep(0.6)
        return USER

    api.will(hang)
    with pytest.raises(UnavailableError, match="no answer within"):
        get(api, max_call_seconds=0.2)


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


def test_a_fault_that_the_caller_sees_is_retried(api: FakeApi) -> None:
    """A caller's own look at the answer uses the same retry policy."""
    api.will(JSONResponse({"user": {"id": "old"}}), USER)

    async def call() -> Answer:
        async with api.client() as client:
            return await client.get(
                resources.GET_USER,
                path=PATH,
                query={},
                fault=lambda answer: "a stale answer" if b"old" in bytes(answer.items[0]) else None,
            )

    assert asyncio.run(call()).retries == 1


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
