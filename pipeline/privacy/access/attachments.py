"""Fetches the files that the copy's messages show, under names of our own (gdpr.md, section 9).

Only uploads on the API's own host are fetched: the key may go nowhere else, and what lies elsewhere is the link's.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pipeline.api.client import ApiClient
from pipeline.api.uploads import Upload
from pipeline.errors import ApiError, AuthenticationError
from pipeline.privacy.access.ask import MOST_FAILURES, Upstream
from pipeline.privacy.access.links import Link, bare_link
from pipeline.privacy.access.told import Asked, Failure

ATTACHMENTS: Final = "attachments"
_AT_ONCE: Final = 4
# Of what a reader can open. Nothing that a browser would run: pages, pictures with scripts.
_EXTENSIONS: Final[Mapping[str, str]] = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "application/pdf": ".pdf",
    "text/plain": ".txt",
    "text/csv": ".csv",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "audio/mp4": ".m4a",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "application/zip": ".zip",
}


class FileState(StrEnum):
    """Whether a file is in the copy."""

    INCLUDED = "included"
    ELSEWHERE = "elsewhere"  # on a host that is not upstream's, or behind something else than the key
    GONE = "gone"
    FAILED = "failed"
    NOT_ASKED = "not_asked"


@dataclass(slots=True)
class Attachments:
    """The files, and a row for each link of each message, in the order of the messages."""

    files: dict[str, Path] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list, repr=False)
    failures: Counter[Failure] = field(default_factory=Counter)


async def fetch_attachments(upstream: Upstream, links: Sequence[Link], folder: Path) -> Attachments:
    """Fetch every upload once; that one can't be fetched is told in its row and counted.

    Args:
        upstream: whom to ask.
        links: the links of the copy's messages.
        folder: a private folder.

    Raises:
        OSError: a file can't be written.
    """
    client = None if isinstance(upstream, Asked) else upstream.client
    fetching = _Fetching(client, folder)
    await fetching.all(dict.fromkeys(link.url for link in links))
    found = Attachments(failures=fetching.failures)
    for link in links:
        got = fetching.got[link.url]
        if got.path is not None:
            found.files[got.path.name] = got.path
        found.rows.append(_row(link, got))
    return found


@dataclass(frozen=True, slots=True)
class _Got:
    state: FileState
    path: Path | None = None
    media_type: str | None = None
    bytes: int | None = None


class _Fetching:
    def __init__(self, client: ApiClient | None, folder: Path) -> None:
        self.got: dict[str, _Got] = {}
        self.failures: Counter[Failure] = Counter()
        self._client = client
        self._folder = folder
        self._is_refused = False

    async def all(self, urls: Mapping[str, None]) -> None:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(number: int, url: str) -> None:
            async with gate:
                self.got[url] = await self._fetch(number, url)

        outcomes = await asyncio.gather(*(one(*pair) for pair in enumerate(urls, 1)), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def _fetch(self, number: int, url: str) -> _Got:
        client = self._client
        if client is None:
            return _Got(FileState.NOT_ASKED)
        if not client.has_upload(url):
            return _Got(FileState.ELSEWHERE)
        if self._is_refused or self.failures.total() >= MOST_FAILURES:
            self.failures[ATTACHMENTS, "not_asked"] += 1
            return _Got(FileState.NOT_ASKED)
        try:
            upload = await client.download(url)
        except ApiError as error:
            self._is_refused = self._is_refused or isinstance(error, AuthenticationError)
            self.failures[ATTACHMENTS, str(error.status or "none")] += 1
            return _Got(FileState.FAILED)
        return _Got(FileState.GONE) if upload is None else self._keep(number, upload)

    def _keep(self, number: int, upload: Upload) -> _Got:
        path = self._folder / f"{number:04}{_EXTENSIONS.get(upload.media_type or '', '.bin')}"
        path.write_bytes(upload.body)
        return _Got(FileState.INCLUDED, path, upload.media_type, len(upload.body))


def _row(link: Link, got: _Got) -> dict[str, Any]:
    return {
        "message_id": link.message_id,
        "conversation_id": link.conversation_id,
        "url": bare_link(link.url),
        "state": str(got.state),
        "file": got.path and f"{ATTACHMENTS}/{got.path.name}",
        "media_type": got.media_type,
        "bytes": got.bytes,
    }
