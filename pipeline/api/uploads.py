"""Uploads: files that messages show and that lie on the API's own host, where they take the key (api.md, section 5).

A `mediaUrl` is text that anybody may have written. The key goes nowhere but to the API's own origin, and there to no
path of which an upload can't be the answer: else a message could name a call of the API and have it made.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from pipeline.api.routes import MAX_TARGET_BYTES, Scope

_FOLDERS: Final = ("attachments", "media")
_SAFE: Final = "!$&'()*+,;=:@-._~%"
_MEDIA_TYPE: Final = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,99}")


@dataclass(frozen=True, slots=True)
class UploadRoute:
    """Reading one upload, as errors name it."""

    name: str = "GET upload"
    method: str = "GET"
    scopes: frozenset[Scope] = frozenset({"account", "app", "integration"})


GET_UPLOAD: Final = UploadRoute()


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was uploaded.

    Args:
        body: its bytes.
        media_type: what the server calls it, without parameters; None if that is no media type.
    """

    body: bytes = field(repr=False)
    media_type: str | None


def upload_target(url: str, *, origin: str, prefix: str) -> str | None:
    """The path and query to ask for, percent-encoded; None for what is no upload of this API.

    Args:
        url: a `mediaUrl`.
        origin: scheme, host and port of the API.
        prefix: the path of its base URL.
    """
    try:
        parts = urlsplit(url)
        path = quote(parts.path, safe=f"/{_SAFE}")
        query = quote(parts.query, safe=f"/?{_SAFE}")
    except ValueError:  # no URL, or no Unicode
        return None
    if f"{parts.scheme}://{parts.netloc}" != origin or not path.startswith(f"{prefix}/"):
        return None
    folder, *names = path.removeprefix(f"{prefix}/").split("/")
    if folder not in _FOLDERS or not names or not all(_is_plain(name) for name in names):
        return None
    target = f"{path}?{query}" if query else path
    return target if len(target) <= MAX_TARGET_BYTES else None


def media_type(header: str | None) -> str | None:
    """The media type of a header, without its parameters."""
    found = (header or "").partition(";")[0].strip().lower()
    return found if _MEDIA_TYPE.fullmatch(found) else None


def _is_plain(name: str) -> bool:
    """Whether a server can't take a part of a path for anything but a name, however often it decodes it."""
    while (decoded := unquote(name)) != name:
        name = decoded
    return name not in ("", ".", "..") and not set(name) & set("/\\?#") and name.isprintable()
