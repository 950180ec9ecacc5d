"""The fastest design over httpx that was found before this program was written: a mark that moves with the machine.

16 calls in flight through httpx over aiohttp; one thread decodes with pyarrow.json and an explicit schema, and writes
zstd-3 with dictionaries on columns of few values, in buffers of 20,000 rows for each open month. It reads nothing but
messages and keeps no ledger; nothing is committed, compared or retried, and only its `raw` column loses nothing.
"""

from __future__ import annotations

import asyncio
import io
import queue
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
import pyarrow.parquet as pq
from httpx_aiohttp import AiohttpTransport

from tests.bench.job import Figures, Job

IN_FLIGHT = 16
BUFFERED_ROWS = 20_000
WAITING_PAGES = 200
PATIENCE_SECONDS = 300  # then the thread has failed
BLOCK_BYTES = 4 << 20  # more than a page

_TEXT = pa.string()
_MESSAGE = {
    "id": _TEXT,
    "received": pa.timestamp("ms", tz="UTC"),
    "author": pa.struct(dict.fromkeys(("type", "userId", "displayName", "avatarUrl"), _TEXT)),
    "source": pa.struct(
        dict.fromkeys(("type", "integrationId", "originalMessageId", "originalMessageTimestamp"), _TEXT)
    ),
    "content": pa.struct(dict.fromkeys(("type", "text", "mediaUrl", "mediaType", "altText", "textFallback"), _TEXT)),
    "deleted": pa.bool_(),
}
_SCHEMA = pa.schema({"messages": pa.list_(pa.struct(_MESSAGE))})
_FEW = [
    *("conversation_id", "author.type", "author.displayName", "author.avatarUrl", "source.type"),
    *("source.integrationId", "content.type", "content.mediaType"),
]
_RECEIVED = b'"received":"'


class _Meta(msgspec.Struct):
    beforeCursor: str | None = None  # noqa: N815 - as the API spells it


class _Answer(msgspec.Struct):
    messages: list[msgspec.Raw]
    meta: _Meta


class _Page(NamedTuple):
    conversation_id: str
    body: bytes
    messages: list[msgspec.Raw]


_DECODER = msgspec.json.Decoder(_Answer)


def run(job: Job) -> Figures:
    """Export the messages."""
    pages: queue.Queue[_Page | None] = queue.Queue(WAITING_PAGES)
    sink = _Sink(Path(job.folder))
    with ThreadPoolExecutor(1) as thread:
        ended = thread.submit(sink.work, pages)
        try:
            asyncio.run(_fetch(job, pages))
        finally:
            pages.put(None, timeout=PATIENCE_SECONDS)
        ended.result()
    size = sum(file.stat().st_size for file in Path(job.folder).rglob("*.parquet"))
    return {"messages": sink.messages, "pages": sink.pages, "bytes": size}


async def _fetch(job: Job, pages: queue.Queue[_Page | None]) -> None:
    waiting = job.conversation_ids()
    auth, transport = httpx.BasicAuth(job.key_id, job.secret), AiohttpTransport()
    async with httpx.AsyncClient(base_url=job.base_url, auth=auth, transport=transport, timeout=60) as client:

        async def work() -> None:
            while waiting:
                conversation_id = waiting.pop()
                target: str | None = job.messages_path(conversation_id)
                while target is not None:
                    body = (await client.get(target)).content
                    answer = _DECODER.decode(body)
                    pages.put(_Page(conversation_id, body, answer.messages), timeout=PATIENCE_SECONDS)
                    cursor = answer.meta.beforeCursor
                    target = f"{job.messages_path(conversation_id)}?page%5Bbefore%5D={cursor}" if cursor else None

        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))


class _Sink:
    def __init__(self, folder: Path) -> None:
        self.messages = 0
        self.pages = 0
        self._folder = folder
        self._buffers: dict[str, list[_Page]] = {}
        self._writers: dict[str, pq.ParquetWriter] = {}

    def work(self, pages: queue.Queue[_Page | None]) -> None:
        """Take pages until None comes."""
        while (page := pages.get()) is not None:
            self.pages += 1
            self.messages += len(page.messages)
            months = {_month(page.messages[0]), _month(page.messages[-1])}
            if len(months) > 1:
                self._part(page)
                continue
            month = months.pop()
            buffer = self._buffers.setdefault(month, [])
            buffer.append(page)
            if sum(len(one.messages) for one in buffer) >= BUFFERED_ROWS:
                self._write(month, _table(self._buffers.pop(month)))
        for month, buffer in self._buffers.items():
            self._write(month, _table(buffer))
        for writer in self._writers.values():
            writer.close()

    def _part(self, page: _Page) -> None:
        """Write a page that lies in several months."""
        table = _table([page])
        months = pc.strftime(table["received"], format="%Y-%m")
        for month in pc.unique(months).to_pylist():
            self._write(month, table.filter(pc.equal(months, month)))

    def _write(self, month: str, table: pa.Table) -> None:
        if month not in self._writers:
            self._writers[month] = pq.ParquetWriter(
                self._folder / f"{month}.parquet", table.schema, compression="zstd", use_dictionary=_FEW
            )
        self._writers[month].write_table(table)


def _month(message: msgspec.Raw) -> str:
    text = bytes(message)
    begin = text.index(_RECEIVED) + len(_RECEIVED)
    return text[begin : begin + 7].decode()


def _table(pages: list[_Page]) -> pa.Table:
    read = pj.read_json(
        io.BytesIO(b"\n".join(page.body for page in pages)),
        read_options=pj.ReadOptions(block_size=BLOCK_BYTES, use_threads=False),
        parse_options=pj.ParseOptions(explicit_schema=_SCHEMA, unexpected_field_behavior="ignore"),
    )
    messages = pa.chunked_array([pc.list_flatten(chunk) for chunk in read["messages"].chunks])
    table = pa.Table.from_struct_array(messages).flatten()
    ids = [page.conversation_id for page in pages for _ in page.messages]
    raw = [bytes(message) for page in pages for message in page.messages]
    return table.append_column("conversation_id", pa.array(ids)).append_column("raw", pa.array(raw, _TEXT))
