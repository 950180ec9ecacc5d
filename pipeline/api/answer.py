"""An answer of the API: checked once, while it is cheap, so that nobody needs to parse it twice."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

import msgspec

from pipeline.api.routes import Route


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    """`meta` of a paged answer; a cursor is absent where there is no such page."""

    has_more: bool | None = None
    after_cursor: str | None = None
    before_cursor: str | None = None


class Links(msgspec.Struct, frozen=True):
    """`links` of a paged answer."""

    prev: str | None = None
    next: str | None = None


class Envelope(Protocol):
    """The outer object of an answer; the items stay slices of the body, unless a kind was asked for."""

    items: list[Any]
    meta: Meta | None
    links: Links | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer.

    Args:
        body: the JSON text, decompressed.
        status: the HTTP status.
        date: the server's clock, from the Date header, or None where it is missing or unreadable.
        retries: how many attempts of this call failed before.
        items: the records as slices of `body`; exactly one for a route that answers with an object. Where a kind was
            asked for, and all records are of that kind, they are its instances instead.
        meta: the paging state, if any.
        links: the paging links, if any. Never follow them.
    """

    body: bytes = field(repr=False)
    status: int
    date: datetime | None
    retries: int
    items: list[Any] = field(repr=False)
    meta: Meta | None = field(repr=False)
    links: Links | None = field(repr=False)


def decode(route: Route, body: bytes, *, kind: type[msgspec.Struct] | None = None) -> Envelope | None:
    """Decode the envelope that the route names, or None if the body is not such JSON.

    Args:
        route: the route that was asked.
        body: the answer.
        kind: what to read of each record of a list, to spare a second look at the body.
    """
    try:
        if not body.isascii():
            body.decode()  # the decoder skips over records without looking at their encoding
        envelope = _decode(route, body, kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not route.many:
        record: msgspec.Raw = envelope.items  # type: ignore[assignment] # an object's envelope holds one record
        if not bytes(record).startswith(b"{"):
            return None
        envelope.items = [record]
    return envelope


def _decode(route: Route, body: bytes, kind: type[msgspec.Struct] | None) -> Envelope:
    if kind is not None and route.many:
        try:
            return _decoder(route.envelope, many=True, kind=kind).decode(body)
        except msgspec.ValidationError:
            # A record is not of that kind: whoever reads it will say so, in words that don't quote it.
            pass
    return _decoder(route.envelope, many=route.many).decode(body)


class _Error(msgspec.Struct):
    code: str | None = None


class _Errors(msgspec.Struct):
    errors: list[_Error]


def error_code(body: bytes) -> tuple[bool, str | None]:
    """Tell whether a body is the API's error envelope, and its `errors[0].code` if that looks like a code."""
    try:
        errors = _ERRORS.decode(body).errors
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False, None
    code = errors[0].code if errors else None
    plausible = code is not None and len(code) <= 64 and code.isascii() and code.replace("_", "").isalpha()
    return bool(errors), code if plausible else None


@functools.lru_cache(maxsize=16)  # the header changes once a second
def http_date(header: str | None) -> datetime | None:
    """Parse an HTTP date into an aware time, or None if it is missing or unreadable."""
    if header is None:
        return None
    try:
        parsed = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


@functools.cache
def _decoder(key: str, *, many: bool, kind: type = msgspec.Raw) -> msgspec.json.Decoder[Envelope]:
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [
        ("items", list[kind] if many else kind),  # type: ignore[valid-type]  # a type made at run time
        ("meta", Meta | None, None),
        ("links", Links | None, None),
    ]
    struct = msgspec.defstruct(f"Envelope_{key}", fields, rename={"items": key})
    return msgspec.json.Decoder(struct)


_ERRORS = msgspec.json.Decoder(_Errors)
