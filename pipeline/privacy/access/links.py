"""Links to files in messages: noted for fetching, then shown without what opens them to everybody who has the link."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from pipeline.lake import exact_json
from pipeline.privacy.access.source import Row
from pipeline.suppression.json_parts import fields, string

_SECRET: Final = re.compile(
    "token|sig|secret|jwt|auth|key|cred|passw|policy|hmac|session|x-amz-|x-goog-", re.IGNORECASE
)
_MEDIA: Final = "mediaUrl"
_LINKED: Final = ("content", "quoted_message", "payload")


@dataclass(frozen=True, slots=True)
class Link:
    """A link to a file in a message of the copy."""

    message_id: str = field(repr=False)
    conversation_id: str = field(repr=False)
    url: str = field(repr=False)


@dataclass(slots=True)
class Links:
    """What the copy's messages link to, in their order. Links of other users are not in the rows any more."""

    found: list[Link] = field(default_factory=list, repr=False)

    def watch(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows with bare links."""
        for row in rows:
            content = row.get("content")
            if content is not None and _MEDIA in content:
                urls = dict.fromkeys(_urls(content.encode()))
                self.found += [Link(row["message_id"], row["conversation_id"], url) for url in urls]
            yield row | {name: _bared(row[name]) for name in _LINKED if row.get(name)}


def bare_link(url: str) -> str:
    """The link without user and password, fragment, and the parts of its query that look like keys or signatures."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("?")[0].partition("#")[0]
    kept = [pair for pair in parts.query.split("&") if not _SECRET.search(pair.partition("=")[0])]
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "&".join(kept), ""))


def _urls(raw: bytes) -> Iterator[str]:
    for name, value in _members(raw):
        url = string(value) if name == _MEDIA else None
        if url is not None:
            yield url
        else:
            yield from _urls(value)


def _members(raw: bytes) -> Iterator[tuple[str, bytes]]:
    raw = raw.strip()
    if raw.startswith(b"{"):
        yield from fields(raw).items()
    elif raw.startswith(b"["):
        yield from (("", part) for part in exact_json.elements(raw))


def _bared(source: str) -> str:
    return _bare(source.encode()).decode() if _MEDIA in source else source


def _bare(raw: bytes) -> bytes:
    raw = raw.strip()
    if raw.startswith(b"{"):
        return exact_json.render({name: _bare_member(name, value) for name, value in exact_json.split(raw).items()})
    if raw.startswith(b"["):
        return b"[" + b",".join(map(_bare, exact_json.elements(raw))) + b"]"
    return raw


def _bare_member(name: str, value: bytes) -> bytes:
    url = string(value) if name == _MEDIA else None
    if url is None:
        return _bare(value)
    bared = bare_link(url)
    return value if bared == url else json.dumps(bared).encode()
