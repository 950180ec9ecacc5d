from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pipeline.api import resources
from pipeline.api.client import ApiClient
from pipeline.api.limiter import Limiter
from pipeline.api.retry import RetryPolicy, retry_after
from pipeline.errors import UnavailableError

from .conftest import FakeApi

NOW = datetime(2026, 11, 22, 15, 0, 0, tzinfo=UTC)
PATH = {"appId": "a", "userIdOrExternalId": "u"}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("7", 7.0),
        ("1.5", 1.5),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        ("Sun, 22 Nov 2026 15:00:09 GMT", 9.0),
        ("Sun, 22 Nov 2026 14:00:00 GMT", None),
        ("Sun, 99 Nov 2026 14:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    """Both forms of HTTP are understood, a date by the server's own clock; what makes no sense is ignored."""
    assert retry_after(header, date=NOW) == seconds


def test_a_date_without_the_servers_clock_is_taken_by_ours() -> None:
    """If the answer has no Date header, the local clock must do."""
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert 90 < (retry_after(until, date=None) or 0) <= 100


def test_a_pause_beyond_the_limit_of_the_call_is_not_waited_for(api: FakeApi) -> None:
    """If the server asks for more than the call may take, the call ends at once and says so; so does the next one."""
    api.will(Response(b"", 429, headers={"retry-after": "3600"}))

    async def run() -> None:
        async with api.client(limiter=Limiter()) as client:
            with pytest.raises(UnavailableError, match="asks to wait 3600 s"):
                await client.get(resources.GET_USER, path=PATH, query={})
            with pytest.raises(UnavailableError, match="asks to wait 3"):
                await client.get(resources.GET_USER, path=PATH, query={})

    asyncio.run(run())
    assert len(api.asked) == 1


def test_a_503_with_retry_after_pauses_everybody(api: FakeApi) -> None:
    """Retry-After is honoured on any transient status, by all calls of the credential."""
    api.will(Response(b"", 503, headers={"retry-after": "30"}), JSONResponse({"user": {}}))
    limiter = Limiter()

    async def run() -> None:
        async with api.client(limiter=limiter, max_call_seconds=0.3) as client:
            with pytest.raises(UnavailableError):
                await client.get(resources.GET_USER, path=PATH, query={})

    asyncio.run(run())
    assert limiter.paused_for() > 29


@dataclass
class LimitedServer:
    """A token bucket behind HTTP that watches whether its Retry-After is kept."""

    rate: float
    say: Callable[[float], dict[str, str]]
    pause: float
    tokens: float = 0.0
    at: float = field(default_factory=time.monotonic)
    refused_at: float = float("-inf")
    statuses: list[int] = field(default_factory=list)
    violations: int = 0

    async def __call__(self, _: Request) -> Response:
        """Accept or refuse one call."""
        now = time.monotonic()
        self.tokens = min(self.rate, self.tokens + (now - self.at) * self.rate)
        self.at = now
        # What was under way when the refusal was written may still arrive; half a second later nothing may.
        self.violations += 0.5 < now - self.refused_at < self.pause
        if self.tokens >= 1.0:
            self.tokens -= 1.0
            self.statuses.append(200)
            return JSONResponse({"user": {}})
        self.statuses.append(429)
        self.refused_at = now
        return Response(b"", 429, headers=self.say(self.pause))


def in_seconds(pause: float) -> dict[str, str]:
    """Retry-After in whole seconds."""
    return {"retry-after": str(math.ceil(pause))}


def as_date(pause: float) -> dict[str, str]:
    """Retry-After as a date."""
    until = datetime.fromtimestamp(math.ceil(time.time() + pause), UTC)
    return {"retry-after": format_datetime(until, usegmt=True)}


@pytest.mark.parametrize(("say", "pause"), [(in_seconds, 1.0), (as_date, 1.0), (lambda _: {}, 0.0)])
def test_a_limit_over_http_is_kept(api: FakeApi, say: Callable[[float], dict[str, str]], pause: float) -> None:
    """Against a real server with a token bucket all calls succeed, few are refused, and no Retry-After is violated."""
    server = LimitedServer(rate=150.0, say=say, pause=pause)
    api.will(server)
    limiter = Limiter()

    left = [None] * 400

    async def caller(client: ApiClient) -> None:
        while left:
            left.pop()
            await client.get(resources.GET_USER, path=PATH, query={})

    async def run() -> None:
        async with api.client(limiter=limiter, max_call_seconds=60.0, retry=RetryPolicy()) as client:
            await asyncio.gather(*(caller(client) for _ in range(32)))

    asyncio.run(run())
    assert server.statuses.count(200) == 400
    assert server.violations == 0
    assert server.statuses.count(429) <= 0.1 * len(server.statuses)  # slow start and search included
    assert limiter.snapshot().throttled == server.statuses.count(429)
