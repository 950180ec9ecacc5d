"""What an HTTP answer means: usable, worth another try, or one of the typed errors."""

from __future__ import annotations

import zlib

import httpx
import msgspec

from pipeline.api.answer import Envelope, decode, error_code, http_date
from pipeline.api.retry import TransientFailure, retry_after
from pipeline.api.routes import Operation, Route
from pipeline.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    ForbiddenError,
    NotFoundError,
    ProtocolError,
    UnavailableError,
)

# 520-524 and 530 are what the CDN in front of Zendesk says when its own gateway fails.
TRANSIENT_STATUS = frozenset({429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 530})


def inflate(route: Operation, raw: bytes, *, headers: httpx.Headers, limit: int) -> bytes:
    """Undo the compression of a body, never beyond the limit.

    Raises:
        ProtocolError: the body is too large, or compressed in a way that was not asked for.
        TransientFailure: the compressed data is damaged or cut.
    """
    encoding = headers.get("content-encoding", "identity").lower()
    if encoding in ("identity", "") or not raw:
        return raw
    if encoding not in ("gzip", "x-gzip"):
        raise ProtocolError("the answer is compressed in a way that was not asked for", route=route.name)
    inflater = zlib.decompressobj(wbits=31)
    try:
        body = inflater.decompress(raw, limit + 1)
    except zlib.error:
        body = b""
    if len(body) > limit:
        raise too_large(route, limit)
    if not inflater.eof or inflater.unused_data:
        raise TransientFailure("the compressed answer is damaged", unusable=True)
    return body


def too_large(route: Operation, limit: int) -> ProtocolError:
    """The error for a body beyond the limit."""
    return ProtocolError(f"the answer is larger than {limit:,} bytes; report it to Zendesk", route=route.name)


def checked(route: Route, *, headers: httpx.Headers, body: bytes, kind: type[msgspec.Struct] | None = None) -> Envelope:
    """Decode the body of a 200; `kind` as in `decode`.

    Raises:
        ProtocolError: it does not claim to be JSON.
        TransientFailure: it is empty, or not the JSON that the route names.
    """
    if not body:
        raise TransientFailure("the answer is empty", status=200, unusable=True)
    if not claims_json(headers):
        raise ProtocolError("the answer is not JSON; check the base URL", route=route.name, status=200)
    envelope = decode(route, body, kind=kind)
    if envelope is None:
        message = f'the answer is not JSON with "{route.envelope}" in it'
        raise TransientFailure(message, status=200, unusable=True)
    return envelope


def refusal(route: Operation, status: int, *, headers: httpx.Headers, body: bytes) -> ApiError | TransientFailure:
    """Make the exception for a status other than 200."""
    if status in TRANSIENT_STATUS:
        pause = retry_after(headers.get("retry-after"), date=http_date(headers.get("date")))
        return TransientFailure(f"the server answers {status}", status=status, pause=pause)
    if status >= 500:
        message = f"the server answers {status}; check the base URL, or run again later"
        return UnavailableError(message, route=route.name, status=status)
    if status < 400:
        what = "a redirect, which is never followed" if status >= 300 else "an unexpected success"
        return ProtocolError(f"{status}: {what}; check the base URL", route=route.name, status=status)
    return _client_error(route, status, headers=headers, body=body)


def _client_error(route: Operation, status: int, *, headers: httpx.Headers, body: bytes) -> ApiError | TransientFailure:
    is_envelope, code = error_code(body)
    said = f"{status} {code}" if code else str(status)
    if status == 401:
        message = f"the key was refused ({said}); check the key id, the secret and that the key still exists"
        return AuthenticationError(message, route=route.name, status=status, code=code)
    if status == 403:
        scopes = " or ".join(sorted(route.scopes))
        message = f"the key may not do this ({said}); it takes a key of scope {scopes}"
        return ForbiddenError(message, route=route.name, status=status, code=code)
    if status == 404:
        return _not_found(route, headers=headers, is_envelope=is_envelope, code=code)
    message = f"the request was refused ({said}); repeating it won't help"
    return BadRequestError(message, route=route.name, status=status, code=code)


def _not_found(
    route: Operation, *, headers: httpx.Headers, is_envelope: bool, code: str | None
) -> ProtocolError | NotFoundError | TransientFailure:
    """A 404 is a fact about a record only if the API itself says so; a proxy or a wrong base URL says 404 too."""
    if is_envelope:
        said = f"404 {code}" if code else "404"
        if code == "app_not_found":
            said += "; compare app_id with Admin Center > Apps and integrations > Conversations API"
        return NotFoundError(f"it is gone or never was ({said})", route=route.name, status=404, code=code)
    if claims_json(headers):
        return TransientFailure("a 404 without the API's error object", status=404, unusable=True)
    return ProtocolError(
        "a 404 that does not come from the API; check the base URL and its path", route=route.name, status=404
    )


def claims_json(headers: httpx.Headers) -> bool:
    """Whether an answer says that it is JSON."""
    kind = str(headers.get("content-type", "")).partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
