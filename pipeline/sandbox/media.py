"""Private uploads: files on the server's own address that need a key.

A world writes their URLs as `MEDIA_BASE + "<appId>/<any path>"`; the server puts its own address in place of the base.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Iterator
from dataclasses import replace

from pipeline.sandbox.answers import Answer

MEDIA_BASE = "https://sandbox.invalid/media/"
MEDIA_PATH = "media"

_ENCODED_BASE = MEDIA_BASE.encode()


def own_media(value: object) -> Iterator[str]:
    """All URLs of own uploads anywhere in an object, as the world wrote them."""
    if isinstance(value, str):
        if value.startswith(MEDIA_BASE):
            yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from own_media(member)
    elif isinstance(value, list):
        for member in value:
            yield from own_media(member)


def localize(encoded: bytes, *, base_url: str) -> bytes:
    """JSON with the server's own address in place of the worlds' base."""
    return encoded.replace(_ENCODED_BASE, f"{base_url}/{MEDIA_PATH}/".encode())


def localized(answer: Answer, *, base_url: str) -> Answer:
    """An answer with the server's own address in place of the worlds' base."""
    if _ENCODED_BASE not in answer.body:
        return answer
    return replace(answer, body=localize(answer.body, base_url=base_url))


def globalize(url: str, *, base_url: str) -> str | None:
    """The world's form of a URL on the server's own address; None for any other URL."""
    own = f"{base_url}/{MEDIA_PATH}/"
    return MEDIA_BASE + url.removeprefix(own) if url.startswith(own) else None


def media_file(url: str) -> Answer:
    """The content of an upload: made up, but always the same for the same URL."""
    guessed, _ = mimetypes.guess_type(url)
    body = hashlib.sha256(url.encode()).hexdigest().encode()
    return Answer(200, body, (guessed or "application/octet-stream").encode())
