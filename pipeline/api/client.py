"""The one client of Sunshine Conversations: sends what a route allows, and turns every bad end into a typed error.

No error, log record or traceback of this module holds an identifier, a query, a body or a key: exceptions of the
libraries below carry the request, so they are replaced outside of their `except` block, where nothing is chained.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self, TypeVar

import aiohttp
import httpx
import msgspec

from pipeline.api.answer import Answer, Envelope, http_date
from pipeline.api.auth import Authorization, Credential, is_account_key
from pipeline.api.base_url import parse_base_url, path_prefix
from pipeline.api.deletions import Deletion
from pipeline.api.limiter import Limiter
from pipeline.api.request import Requests
from pipeline.api.retry import RetryPolicy, TransientFailure, retry_after, with_retries
from pipeline.api.routes import Operation, Route, request_target
from pipeline.api.sent import UNANSWERED, Sent, judge
from pipeline.api.transport import open_transport
from pipeline.api.uploads import GET_UPLOAD, Upload, media_type, upload_target
from pipeline.api.verdict import checked, inflate, refusal, too_large
from pipeline.errors import BadRequestError, ConfigError, UnavailableError

MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_CALL_SECONDS = 900.0
READ_TIMEOUT_SECONDS = 60.0
CONNECT_TIMEOUT_SECONDS = 15.0

Answered = TypeVar("Answered")

Fault = Callable[[Envelope], str | None]
"""Looks at a decoded answer and says why it can't be used (free of identifiers), or None if it can."""


class ApiClient:
    """Talks to one base URL with one credential. Use it as an asynchronous context manager.

    Args:
        base_url: such as `https://example.zendesk.com/sc`; https, unless the host is loopback.
        credential: the key.
        limiter: the limiter of this credential; clients that share a key must share it.
        max_call_seconds: limit on one call, with all its tries, waits and pauses.
        retry: the waits between tries; for tests.
        read_timeout: seconds of silence after which a try counts as failed.
        max_body_bytes: limit on a body, compressed or not.
        verify: trust the usual authorities (True), those of a PEM file or a context, or anybody (False).

    Raises:
        ConfigError: the base URL can't be used.
    """

    def __init__(
        self,
        base_url: str,
        credential: Credential,
        *,
        limiter: Limiter,
        max_call_seconds: float = MAX_CALL_SECONDS,
        retry: RetryPolicy | None = None,
        read_timeout: float = READ_TIMEOUT_SECONDS,
        max_body_bytes: int = MAX_BODY_BYTES,
        verify: ssl.SSLContext | str | bool = True,
    ) -> None:
        url = parse_base_url(base_url)
        self._origin = httpx.URL(f"{url.scheme}://{url.netloc.decode('ascii')}")
        self._prefix = path_prefix(url)
        self.has_account_key = is_account_key(credential)
        self._limiter = limiter
        self._max_call_seconds = max_call_seconds
        self._retry = retry or RetryPolicy()
        timeout = {"connect": min(CONNECT_TIMEOUT_SECONDS, read_timeout), "read": read_timeout}
        self._requests = Requests(self._origin, Authorization(credential), timeout=timeout)
        self._max_body_bytes = max_body_bytes
        self._transport = open_transport(url, verify=verify)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    @property
    def host(self) -> str:
        """The host that calls go to, with its port if it is not the usual one."""
        return self._origin.netloc.decode("ascii")

    async def get(
        self,
        route: Route,
        *,
        path: Mapping[str, str],
        query: Mapping[str, str],
        fault: Fault | None = None,
        kind: type[msgspec.Struct] | None = None,
    ) -> Answer:
        """Ask a route and return its answer, retrying what may pass by itself.

        Args:
            route: an entry of the registry.
            path: a value for each placeholder of the template, not encoded.
            query: query parameters, not encoded, such as `page[after]`.
            fault: a further look at the answer; what it names is retried like a body that does not parse.
            kind: what to read of each record of a list (see `Answer.items`).

        Raises:
            ApiError: one of its kinds (pipeline/errors.py); all name the route's template only.
        """
        target = request_target(route, prefix=self._prefix, path=path, query=query).encode("ascii")
        self._refuse_long_pause(route)

        async def attempt(retries: int) -> Answer:
            return await self._attempt(route, target, retries=retries, fault=fault, kind=kind)

        return await self._until_it_ends(route, attempt)

    def has_upload(self, url: str) -> bool:
        """Whether a URL is that of an upload on the API's own host."""
        return upload_target(url, origin=str(self._origin), prefix=self._prefix) is not None

    async def download(self, url: str) -> Upload | None:
        """An upload on the API's own host, or None if it is gone; redirects are not followed.

        Raises:
            BadRequestError: the URL is something else; nothing was sent.
            ApiError: one of its kinds; none names the URL.
        """
        target = upload_target(url, origin=str(self._origin), prefix=self._prefix)
        if target is None:
            raise BadRequestError("refused: no upload on the API's own host", route=GET_UPLOAD.name)
        self._refuse_long_pause(GET_UPLOAD)

        async def attempt(_: int) -> Upload | None:
            sent_at = await self._limiter.acquire()
            try:
                response, body = await self._exchange(GET_UPLOAD, target.encode("ascii"), sent_at=sent_at, accept="*/*")
            finally:
                self._limiter.release()
            if response.status_code in (404, 410):
                return None
            if response.status_code != 200:
                raise refusal(GET_UPLOAD, response.status_code, headers=response.headers, body=body)
            return Upload(body, media_type(response.headers.get("content-type")))

        return await self._until_it_ends(GET_UPLOAD, attempt)

    async def send(self, deletion: Deletion, *, heard: Callable[[int | None], None] | None = None) -> Sent:
        """Make a destroying call. 429 and 5xx are retried; silence is not, since only a GET can tell what happened.

        Args:
            deletion: a call of the allow-list.
            heard: is told the status of each try, None where there was no answer.

        Raises:
            ConfigError: the key is of account scope, with which a slip could delete an app.
            ApiError: one of its kinds; all name the route's template only.
        """
        if self.has_account_key:
            raise ConfigError("erasing takes a key of scope app or integration; one of an account could delete apps")
        route, target = deletion.route, deletion.target(prefix=self._prefix)
        self._refuse_long_pause(route)

        async def attempt(_: int) -> Sent:
            sent_at = await self._limiter.acquire()
            answer = None
            try:
                answer = await self._exchange(route, target, sent_at=sent_at, body=deletion.body())
            except TransientFailure:
                return UNANSWERED
            finally:
                self._limiter.release()
                if heard is not None:
                    heard(None if answer is None else answer[0].status_code)
            return judge(route, answer[0].status_code, headers=answer[0].headers, body=answer[1])

        return await self._until_it_ends(route, attempt)

    async def _until_it_ends(self, route: Operation, attempt: Callable[[int], Awaitable[Answered]]) -> Answered:
        return await with_retries(
            attempt,
            route=route.name,
            policy=self._retry,
            max_seconds=self._max_call_seconds,
            on_retry=self._limiter.retried,
        )

    def _refuse_long_pause(self, route: Operation) -> None:
        pause = self._limiter.paused_for()
        if pause > self._max_call_seconds:
            message = f"the server asks to wait {pause:.0f} s; run again after that, it goes on where it stopped"
            raise UnavailableError(message, route=route.name)

    async def _attempt(
        self, route: Route, target: bytes, *, retries: int, fault: Fault | None, kind: type[msgspec.Struct] | None
    ) -> Answer:
        """Make one HTTP request. Raises TransientFailure for what is worth another try."""
        sent_at = await self._limiter.acquire()
        try:
            response, body = await self._exchange(route, target, sent_at=sent_at)
        finally:
            self._limiter.release()
        if response.status_code != 200:
            raise refusal(route, response.status_code, headers=response.headers, body=body)
        envelope = checked(route, headers=response.headers, body=body, kind=kind)
        reason = fault(envelope) if fault is not None else None
        if reason is not None:
            raise TransientFailure(reason, status=200, unusable=True)
        return Answer(
            body=body,
            status=200,
            date=http_date(response.headers.get("date")),
            retries=retries,
            items=envelope.items,
            meta=envelope.meta,
            links=envelope.links,
        )

    async def _exchange(
        self, route: Operation, target: bytes, *, sent_at: float, body: bytes | None = None, accept: str | None = None
    ) -> tuple[httpx.Response, bytes]:
        request = self._requests.make(route.method, target, body=body, accept=accept)
        try:
            response = await self._transport.handle_async_request(request)
            assert isinstance(response.stream, httpx.AsyncByteStream)
            try:
                self._report(response, sent_at=sent_at)
                raw = await self._receive(route, response.stream)
            finally:
                await response.stream.aclose()
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:  # OSError includes TimeoutError
            cause = error.__cause__ or error
            kind = type(cause).__name__
            unsendable = isinstance(error, httpx.UnsupportedProtocol)
            untrusted = isinstance(cause, aiohttp.ClientConnectorCertificateError)
        else:
            return response, inflate(route, raw, headers=response.headers, limit=self._max_body_bytes)
        if unsendable:
            raise BadRequestError("refused: the path can't be sent as it is; mend the identifier", route=route.name)
        if untrusted:
            message = f"no secure connection ({kind}); check the base URL, the proxy and the trusted certificates"
            raise UnavailableError(message, route=route.name)
        raise TransientFailure(f"no answer ({kind})")

    def _report(self, response: httpx.Response, *, sent_at: float) -> None:
        """Tell the limiter what the server thinks of the pace, as soon as it is known."""
        status = response.status_code
        if status != 429 and status < 500:
            self._limiter.succeeded(sent_at)
            return
        pause = retry_after(response.headers.get("retry-after"), date=http_date(response.headers.get("date")))
        if status == 429:
            self._limiter.throttled(sent_at, pause=pause)
        elif pause is not None:
            self._limiter.pause(pause)

    async def _receive(self, route: Operation, stream: httpx.AsyncByteStream) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async for chunk in stream:  # as it came: httpx would look into each piece
            size += len(chunk)
            if size > self._max_body_bytes:
                raise too_large(route, self._max_body_bytes)
            chunks.append(chunk)
        self._limiter.received(size)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)
