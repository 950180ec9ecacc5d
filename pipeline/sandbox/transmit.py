"""Reads requests from and writes answers to the ASGI server, whole or broken on purpose."""

from __future__ import annotations

import gzip
import socket
import struct
from functools import cached_property
from typing import Literal
from urllib.parse import parse_qs

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pipeline.sandbox.answers import Answer
from pipeline.sandbox.pages import Query

Damage = Literal["", "reset", "truncate"]

LEAST_GZIP_BYTES = 500
_TRANSPORT = "sandbox.transport"


class Protocol(HttpToolsProtocol):
    """uvicorn's own, but the application can reach the connection in order to break it."""

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.scope["extensions"] = {_TRANSPORT: {"transport": self.transport}}


class Request:
    """What a route needs of an ASGI scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.headers: list[tuple[bytes, bytes]] = scope["headers"]
        self.method: str = scope["method"]
        self.path: str = scope["raw_path"].decode("ascii")
        self.query_string: bytes = scope["query_string"]

    @property
    def target(self) -> str:
        """Method, path and query as they were sent."""
        query = f"?{self.query_string.decode('latin-1')}" if self.query_string else ""
        return f"{self.method} {self.path}{query}"

    @cached_property
    def query(self) -> Query:
        """The decoded query; `page[after]` and the like are names like any other."""
        if not self.query_string:
            return {}
        return parse_qs(self.query_string.decode("latin-1"), keep_blank_values=True)

    def header(self, name: bytes) -> bytes | None:
        """The first header of this lower-case name."""
        return next((value for header, value in self.headers if header == name), None)


async def read_body(receive: Receive, *, limit: int) -> bytes:
    """The body of a request, cut behind `limit` bytes."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body") or len(body) > limit:
            return bytes(body[: limit + 1])


async def wait_for_disconnect(receive: Receive) -> None:
    """Say nothing until the client hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def write_answer(
    request: Request, answer: Answer, receive: Receive, send: Send, *, damage: Damage = "", compress: bool = False
) -> None:
    """Send an answer; `truncate` cuts the JSON but keeps HTTP whole, `reset` breaks the connection half way."""
    body = answer.body
    headers = [(b"content-type", answer.media_type), *answer.headers]
    if damage == "truncate":
        body = body[: len(body) // 2]
    if compress and len(body) >= LEAST_GZIP_BYTES and b"gzip" in (request.header(b"accept-encoding") or b""):
        body = gzip.compress(body, compresslevel=1, mtime=0)
        headers.append((b"content-encoding", b"gzip"))
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if damage == "reset":
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        _reset(request)
        # uvicorn takes an answer that was not finished for a mistake unless it knows that the connection is gone.
        await wait_for_disconnect(receive)
    else:
        await send({"type": "http.response.body", "body": body})


def _reset(request: Request) -> None:
    transport = request.scope["extensions"][_TRANSPORT]["transport"]
    connection = transport.get_extra_info("socket")
    # With a linger of zero seconds, closing sends a reset in place of a regular end.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
