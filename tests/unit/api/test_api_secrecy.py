from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable

import pytest
from starlette.responses import JSONResponse, RedirectResponse, Response

from pipeline.api import resources
from pipeline.api.auth import Credential
from pipeline.api.client import ApiClient
from pipeline.api.limiter import Limiter
from pipeline.errors import ApiError

from .conftest import KEY_ID, QUICK, SECRET, FakeApi, Wire

USER_ID = "c0ffeec0ffeec0ffeec0ffee"
EMAIL = "canary@example.org"
TEXT = "canary text of a conversation"
CANARIES = (KEY_ID, SECRET, USER_ID, EMAIL, "canary%40", TEXT, "Basic ")


def ask(base_url: str, credential: Credential) -> ApiError | None:
    """Make a call full of canaries; returns the error it ended with."""

    async def get() -> ApiError | None:
        limiter = Limiter(start_rate=1000.0)
        settings = {"max_call_seconds": 0.3, "read_timeout": 0.1, "max_body_bytes": 1000}
        async with ApiClient(base_url, credential, limiter=limiter, retry=QUICK, **settings) as client:  # type: ignore[arg-type] # numbers all
            try:
                path = {"appId": "a", "userIdOrExternalId": USER_ID}
                await client.get(resources.GET_USER, path=path, query={"filter[identities.email]": EMAIL})
            except ApiError as error:
                return error
        return None

    return asyncio.run(get(), debug=True)


def chain(error: BaseException | None) -> list[BaseException]:
    """An error and all that it was raised from or during."""
    found: list[BaseException] = []
    queue = [error]
    while queue:
        each = queue.pop()
        if each is not None and each not in found:
            found.append(each)
            queue += [each.__cause__, each.__context__]
    return found


def assert_silent(error: ApiError | None, records: list[logging.LogRecord]) -> None:
    """No canary is in any exception of the chain, its attributes, its traceback, or any log record."""
    assert error is not None
    shown = "".join(traceback.format_exception(error)) + "".join(record.getMessage() for record in records)
    for each in chain(error):
        shown += str(each) + repr(each) + repr(vars(each))
        assert type(each).__module__.startswith(("pipeline.", "builtins", "asyncio"))
    assert [canary for canary in CANARIES if canary in shown] == []


@pytest.mark.parametrize("method", ["basic", "jwt"])
@pytest.mark.parametrize(
    "reply",
    [
        JSONResponse({"errors": [{"code": USER_ID, "title": f"{EMAIL} {TEXT}"}]}, 400),
        JSONResponse({"errors": [{"code": "unauthorized", "title": f"{KEY_ID}:{SECRET}"}]}, 401),
        JSONResponse({"errors": [{"code": "user_not_found", "title": USER_ID}]}, 404),
        Response(TEXT, 404, media_type="text/plain"),
        Response(TEXT, 500, headers={"retry-after": EMAIL, "date": EMAIL}),
        Response(TEXT, 429, headers={"retry-after": "3600"}),
        RedirectResponse(f"https://evil.example/{USER_ID}?{EMAIL}"),
        Response(f'{{"user": "{TEXT}', media_type="application/json"),
        Response(TEXT * 100, media_type="application/json"),
        Response(TEXT, headers={"set-cookie": f"id={USER_ID}", "content-encoding": EMAIL}),
    ],
)
def test_answers_leave_no_trace(api: FakeApi, caplog: pytest.LogCaptureFixture, reply: Response, method: str) -> None:
    """Whatever the server answers, neither errors nor logs hold a key, an identifier, a query or a body."""
    caplog.set_level(logging.DEBUG)
    api.will(reply)
    assert_silent(ask(api.url, Credential(KEY_ID, SECRET, method)), caplog.records)  # type: ignore[arg-type] # parametrized literal


@pytest.mark.parametrize(
    "script",
    [
        b"",
        None,
        f"HTTP/1.1 {TEXT}\r\n\r\n".encode(),
        f"{EMAIL}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{TEXT}".encode(),
    ],
)
def test_broken_connections_leave_no_trace(
    wire: Callable[..., Wire], caplog: pytest.LogCaptureFixture, script: bytes | None
) -> None:
    """The exceptions of the libraries below, which hold the request, are not chained."""
    caplog.set_level(logging.DEBUG)
    assert_silent(ask(wire((script,)).url, Credential(KEY_ID, SECRET)), caplog.records)


def test_refused_values_leave_no_trace(api: FakeApi) -> None:
    """An identifier that is refused before sending is not named either."""

    async def get(value: str) -> None:
        async with api.client() as client:
            await client.get(resources.GET_USER, path={"appId": "a", "userIdOrExternalId": value}, query={})

    for value in (USER_ID + "\n", EMAIL * 10_000, USER_ID + "\ud800"):
        with pytest.raises(ApiError) as caught:
            asyncio.run(get(value))
        assert_silent(caught.value, [])
    assert api.asked == []


def test_answers_and_pages_do_not_print_what_they_hold(api: FakeApi) -> None:
    """The repr of an answer names no record and no cursor, so that a log line or a failed assertion shows none."""
    api.will(JSONResponse({"user": {"id": USER_ID}}))

    async def get() -> str:
        async with api.client() as client:
            path = {"appId": "a", "userIdOrExternalId": USER_ID}
            return repr(await client.get(resources.GET_USER, path=path, query={}))

    assert USER_ID not in asyncio.run(get())
