"""What the client makes of refusals, of unusable answers and of silence."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from pipeline.api import resources
from pipeline.api.answer import Answer
from pipeline.api.limiter import Limiter
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
from .one_call import PATH, USER, get


def error_of(status: int, code: str) -> Response:
    """The API's error envelope."""
    return JSONResponse({"errors": [{"code": code, "title": "Somebody said something"}]}, status)


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
