from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from pipeline.api import deletions
from pipeline.api.auth import Credential
from pipeline.api.client import ApiClient
from pipeline.api.deletions import Deletion
from pipeline.api.limiter import Limiter
from pipeline.api.sent import Outcome, Sent
from pipeline.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    ConfigError,
    ForbiddenError,
    NotFoundError,
    ProtocolError,
    UnavailableError,
)

from .conftest import FakeApi, Wire

APP, USER, TALK = "a" * 24, "b" * 24, "c" * 24
DELETE = deletions.delete_user(APP, USER)
EMPTY = JSONResponse({})


def send(api: FakeApi, deletion: Deletion = DELETE, *, heard: list[int | None] | None = None, **settings: Any) -> Sent:
    """Make one call."""

    async def call() -> Sent:
        async with api.client(**settings) as client:
            return await client.send(deletion, heard=None if heard is None else heard.append)

    return asyncio.run(call())


def error_of(status: int, code: str) -> Response:
    """The API's error envelope."""
    return JSONResponse({"errors": [{"code": code, "title": "Somebody said something"}]}, status)


def test_the_path_arrives_as_it_was_built(api: FakeApi) -> None:
    """Method and raw path are those of the call, below the prefix; there is no query."""
    api.will(EMPTY)
    assert send(api) == Sent(outcome=Outcome.DONE, status=200)
    (asked,) = api.asked
    assert (asked.method, asked.raw_path, asked.query) == ("DELETE", f"/sc/v2/apps/{APP}/users/{USER}", "")


def test_a_body_arrives_as_json(api: FakeApi) -> None:
    """POST sends its one member as JSON, and says so."""
    bodies: list[Any] = []

    async def read(request: Request) -> Response:
        bodies.append(await request.json())
        return EMPTY

    api.will(read)
    send(api, deletions.leave_conversation(APP, TALK, USER))
    send(api, deletions.remove_attachment(APP, "https://media.smooch.io/ü x.png"))
    assert bodies == [{"userId": USER}, {"mediaUrl": "https://media.smooch.io/ü x.png"}]
    assert {asked.method for asked in api.asked} == {"POST"}
    assert all(asked.headers["content-type"] == "application/json" for asked in api.asked)


@pytest.mark.parametrize("code", ["user_not_found", "conversation_not_found", "client_not_found", "not_found"])
def test_a_404_about_the_object_means_gone(api: FakeApi, code: str) -> None:
    """The four codes of gdpr.md, section 5, "Answers"."""
    api.will(error_of(404, code))
    assert send(api) == Sent(outcome=Outcome.GONE, status=404, code=code)


def test_a_404_about_the_app_is_an_error(api: FakeApi) -> None:
    """A wrong app id is never "gone already"."""
    api.will(error_of(404, "app_not_found"))
    with pytest.raises(NotFoundError) as caught:
        send(api)
    assert caught.value.code == "app_not_found"


@pytest.mark.parametrize(
    "answer",
    [
        Response("<html>", 404, media_type="text/html"),
        Response("", 404),
        JSONResponse({"message": "no such route"}, 404),
        error_of(404, "integration_not_found"),
        error_of(404, "something_new"),
        RedirectResponse("/elsewhere"),
    ],
)
def test_any_other_404_is_an_error(api: FakeApi, answer: Response) -> None:
    """Proxies, wrong base URLs and unheard-of codes are no proof of anything."""
    api.will(answer)
    with pytest.raises(ProtocolError):
        send(api)


def test_a_400_is_an_answer(api: FakeApi) -> None:
    """The caller knows what to do with a refusal, as of a default conversation."""
    api.will(error_of(400, "bad_request"))
    assert send(api, deletions.delete_conversation(APP, TALK)) == Sent(
        outcome=Outcome.REFUSED, status=400, code="bad_request"
    )
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AuthenticationError), (403, ForbiddenError), (409, BadRequestError), (402, BadRequestError)],
)
def test_other_refusals_are_errors(api: FakeApi, status: int, kind: type[ApiError]) -> None:
    """401 and 403 end a batch; what else is refused is an error as well. None is repeated."""
    api.will(error_of(status, "whatever"))
    with pytest.raises(kind):
        send(api)
    assert len(api.asked) == 1


def test_429_and_5xx_are_repeated(api: FakeApi) -> None:
    """What passes by itself is repeated under the one policy; each try is told."""
    heard: list[int | None] = []
    api.will(error_of(429, "too_many"), Response("", 503), Response("", 502), error_of(404, "user_not_found"))
    assert send(api, heard=heard).outcome is Outcome.GONE
    assert heard == [429, 503, 502, 404]


def test_retry_after_is_obeyed_by_the_limiter(api: FakeApi) -> None:
    """The limiter of reading calls hears of a 429 to a destroying one."""
    limiter = Limiter(start_rate=1000.0)
    api.will(Response("", 429, headers={"retry-after": "1"}), EMPTY)
    assert send(api, limiter=limiter, max_call_seconds=20.0).outcome is Outcome.DONE
    snapshot = limiter.snapshot()
    assert (snapshot.calls, snapshot.throttled, snapshot.retries) == (2, 1, 1)


def test_5xx_for_ever_is_unavailable(api: FakeApi) -> None:
    """It is given up after the time for one call."""
    api.will(Response("", 500))
    with pytest.raises(UnavailableError, match=r"500 .*run again later") as caught:
        send(api, max_call_seconds=0.2)
    assert caught.value.route == deletions.DELETE_USER.name


@pytest.mark.parametrize(
    "answer",
    [
        Response("", 200),
        Response("", 204),
        JSONResponse({}, 202),
        JSONResponse([1]),
        Response("<html>", 200, media_type="text/html"),
        Response('{"user": ', 200, media_type="application/json"),
    ],
)
def test_a_success_that_is_none_is_unknown(api: FakeApi, answer: Response) -> None:
    """Only a 200 with a JSON object says that it was done; after anything like it somebody must look."""
    api.will(answer)
    assert send(api).outcome is Outcome.UNKNOWN
    assert len(api.asked) == 1


@pytest.mark.parametrize("script", [b"", None], ids=["closed", "silent"])
def test_silence_is_unknown_and_not_repeated(wire: Callable[..., Wire], script: bytes | None) -> None:
    """A call without an answer may have been done; it is sent once, and the caller looks."""
    heard: list[int | None] = []
    server = wire((script,))

    async def call() -> Sent:
        credential = Credential("app_c0ffee", "secret")
        async with ApiClient(server.url, credential, limiter=Limiter(), read_timeout=0.2) as client:
            return await client.send(DELETE, heard=heard.append)

    assert asyncio.run(call()) == Sent(outcome=Outcome.UNKNOWN)
    assert (server.requests, heard) == (1, [None])


@pytest.mark.parametrize(
    "credential",
    [
        Credential("act_c0ffee", "secret"),
        Credential("svc_c0ffee", "secret"),
        Credential("app_c0ffee", "secret", scope="account"),
        Credential("c0ffee", "secret", method="jwt", scope="account"),
    ],
)
def test_keys_of_account_scope_send_nothing(api: FakeApi, credential: Credential) -> None:
    """A key that could delete an app is refused before anything is sent."""
    api.will(EMPTY)

    async def call() -> Sent:
        async with ApiClient(api.url, credential, limiter=Limiter()) as client:
            return await client.send(DELETE)

    with pytest.raises(ConfigError, match="could delete apps"):
        asyncio.run(call())
    assert api.asked == []


def test_a_long_pause_is_not_waited_for(api: FakeApi) -> None:
    """When the server has asked to wait for longer than a call may take, nothing is sent."""
    limiter = Limiter()
    limiter.pause(100)
    with pytest.raises(UnavailableError, match="asks to wait"):
        send(api, limiter=limiter)
    assert api.asked == []
