"""A small HTTP server that answers what a test tells it, and records what it was asked."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Endpoint

from pipeline.api.auth import Credential
from pipeline.api.client import ApiClient
from pipeline.api.limiter import Limiter
from pipeline.api.retry import RetryPolicy

KEY_ID = "app_c0ffee"
SECRET = "a-secret-that-nobody-may-see-0123456789"
QUICK = RetryPolicy(first_wait_seconds=0.01, max_wait_seconds=0.05)

Handler = Callable[[Request], Awaitable[Response]]


@dataclass
class Asked:
    """One request as the server saw it."""

    method: str
    raw_path: str
    query: str
    headers: dict[str, str]


@dataclass
class FakeApi:
    """A server on a free port of the loopback host."""

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    replies: deque[Response | Handler] = field(default_factory=deque)

    @property
    def url(self) -> str:
        """The base URL, with a path prefix as Zendesk's has."""
        return f"http://127.0.0.1:{self.port}/sc"

    def will(self, *replies: Response | Handler) -> None:
        """Queue replies; the last one is repeated for ever."""
        self.replies.extend(replies)

    async def answer(self, request: Request) -> Response:
        """Record a request and give the next reply."""
        headers = dict(request.headers.items())
        raw_path = request.scope["raw_path"].decode("ascii")
        self.asked.append(Asked(request.method, raw_path, request.scope["query_string"].decode("ascii"), headers))
        reply = self.replies.popleft() if len(self.replies) > 1 else self.replies[0]
        return reply if isinstance(reply, Response) else await reply(request)

    def client(self, *, limiter: Limiter | None = None, **settings: object) -> ApiClient:
        """A client of this server that does not wait for long."""
        given: dict[str, object] = {"retry": QUICK, "max_call_seconds": 5.0, **settings}
        limiter = limiter or Limiter(start_rate=1000.0)
        return ApiClient(self.url, Credential(KEY_ID, SECRET), limiter=limiter, **given)  # type: ignore[arg-type] # settings of any kind


@pytest.fixture(scope="module")
def _served() -> Iterator[FakeApi]:
    """One server a file: it must not live on in a process in which other files fork, stop clocks or close things."""
    fake = FakeApi()
    app = Starlette(routes=[Endpoint("/{rest:path}", fake.answer, methods=["GET", "POST", "DELETE"])])
    listening = socket.create_server(("127.0.0.1", 0))
    fake.port = listening.getsockname()[1]
    # A connection that its client left while a reply was being made may never be taken for closed.
    config = uvicorn.Config(
        app, log_level="critical", access_log=False, timeout_keep_alive=60, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield fake
    server.should_exit = True
    thread.join()


@pytest.fixture
def api(_served: FakeApi) -> FakeApi:
    """The server, with nothing asked yet."""
    _served.asked.clear()
    _served.replies.clear()
    return _served


class Wire:
    """A server that gives each connection the next script, the last one for ever.

    A script is the bytes that answer each request on that connection, before it is closed; None is silence.
    """

    def __init__(self, *scripts: tuple[bytes | None, ...], tls: ssl.SSLContext | None = None) -> None:
        self.requests = 0
        self._tls = tls
        self.port = 0
        self._scripts = deque(scripts)
        self._writers: list[asyncio.StreamWriter] = []
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._main()))
        self._thread.start()
        self._ready.wait()

    @property
    def url(self) -> str:
        """The base URL."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """End the server."""
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()
        self._loop.close()

    async def _main(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        async with server:
            await self._stopped.wait()
        # Whoever waits for a client that says no more, or reads no more, is told that the connection is lost.
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            with suppress(ConnectionError):  # the client has left, or the server ends
                await self._converse(reader, writer)
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self._scripts.popleft() if len(self._scripts) > 1 else self._scripts[0]
        for answer in script:
            try:
                await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            self.requests += 1
            if answer is None:
                await reader.read()
                break
            writer.write(answer)
            await writer.drain()


@pytest.fixture
def wire() -> Iterator[Callable[..., Wire]]:
    """Make servers that speak raw bytes."""
    wires: list[Wire] = []

    def serve(*scripts: tuple[bytes | None, ...], tls: ssl.SSLContext | None = None) -> Wire:
        wires.append(Wire(*scripts, tls=tls))
        return wires[-1]

    yield serve
    for each in wires:
        each.stop()
