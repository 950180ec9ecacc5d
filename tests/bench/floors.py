"""Fetches the message pages and throws them away: what no export through the same transport can beat."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable

import httpx
from httpx_aiohttp import AiohttpTransport

from pipeline.api import resources
from pipeline.api.auth import Credential
from pipeline.api.client import ApiClient
from pipeline.api.limiter import Limiter
from pipeline.api.pagination import pages
from pipeline.sandbox.synthetic_uniform import PAGE_SIZE
from tests.bench.job import Figures, Job

CONNECTIONS = 64  # as many as an export has at most, lest latency bind the floors alone
_CURSOR = b'"beforeCursor":"'
Fetch = Callable[[str], Awaitable[bytes]]


class Count:
    """Pages that came, all of them full."""

    pages = 0

    def figures(self) -> Figures:
        """As a contender tells them."""
        return {"pages": self.pages, "messages": self.pages * PAGE_SIZE}


async def through_client(job: Job) -> Figures:
    """With the program's own client and paging."""
    count = Count()
    limiter = Limiter(start_rate=1e6, max_concurrency=CONNECTIONS)
    async with ApiClient(job.base_url, Credential(job.key_id, job.secret), limiter=limiter) as client:

        async def read(conversation_id: str) -> None:
            path = {"appId": job.app_id, "conversationId": conversation_id}
            async for _ in pages(client, resources.LIST_MESSAGES, path=path, query={}, direction="backward"):
                count.pages += 1

        await _share(job, lambda: read)
    return count.figures()


async def through_httpx(job: Job) -> Figures:
    """With bare httpx over aiohttp; the cursor is searched for, nothing is decoded."""
    count = Count()
    auth, transport = httpx.BasicAuth(job.key_id, job.secret), AiohttpTransport()
    async with httpx.AsyncClient(base_url=job.base_url, auth=auth, transport=transport, timeout=60) as client:

        async def fetch(target: str) -> bytes:
            return (await client.get(target)).content

        await _share(job, lambda: lambda conversation_id: _walk(job, conversation_id, fetch, count))
    return count.figures()


async def through_sockets(job: Job) -> Figures:
    """With hand-written HTTP: how much the server can do."""
    count = Count()
    host, port = job.base_url.removeprefix("http://").split(":")
    token = base64.b64encode(f"{job.key_id}:{job.secret}".encode()).decode()
    head = f" HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {token}\r\n\r\n".encode()
    connections = [await asyncio.open_connection(host, int(port), limit=1 << 20) for _ in range(CONNECTIONS)]
    free = list(connections)

    def worker() -> Callable[[str], Awaitable[None]]:
        reader, writer = free.pop()

        async def fetch(target: str) -> bytes:
            writer.write(b"GET " + target.encode() + head)
            answer = (await reader.readuntil(b"\r\n\r\n")).lower()
            _, _, length = answer.partition(b"content-length:")
            return await reader.readexactly(int(length.split(b"\r\n", 1)[0]))

        return lambda conversation_id: _walk(job, conversation_id, fetch, count)

    await _share(job, worker)
    for _, writer in connections:
        writer.close()
    return count.figures()


async def _walk(job: Job, conversation_id: str, fetch: Fetch, count: Count) -> None:
    target = job.messages_path(conversation_id)
    while target:
        body = await fetch(target)
        count.pages += 1
        place = body.rfind(_CURSOR)
        if place < 0:
            return
        begin = place + len(_CURSOR)
        cursor = body[begin : body.index(b'"', begin)].decode()
        target = f"{job.messages_path(conversation_id)}?page%5Bbefore%5D={cursor}"


async def _share(job: Job, worker: Callable[[], Callable[[str], Awaitable[None]]]) -> None:
    """Let workers take conversations until none is left."""
    waiting = job.conversation_ids()

    async def work(read: Callable[[str], Awaitable[None]]) -> None:
        while waiting:
            await read(waiting.pop())

    await asyncio.gather(*(work(worker()) for _ in range(CONNECTIONS)))
