"""httpx over aiohttp, with everything switched off that would change, repeat or reveal a request.

httpx's own connection pool slows down as connections rise; aiohttp's does not. But aiohttp rewrites paths, keeps
cookies, and sends a request twice when a kept connection dies: what was asked for, and how often, must be known here.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import logging
import ssl
from collections.abc import AsyncIterator
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from httpx_aiohttp.transport import AiohttpResponseStream, map_aiohttp_exceptions
from multidict import CIMultiDict
from yarl import URL

from pipeline.errors import ConfigError

KEEPALIVE_SECONDS = 30.0
DRIP_FACTOR = 5
"""One try takes no longer than so many read timeouts, however slowly the server drips."""

NOISY_LOGGERS = ("httpx", "httpcore", "aiohttp", "aiohttp.client", "aiohttp.internal", "aiohttp.access")


class ExactTransport(AiohttpTransport):
    """Sends the request target exactly as it was built, once, without cookies.

    A request names the origin as its URL and the target in its extension "target", as httpx documents it.
    """

    # A client asks one origin with headers that hardly ever change: each is translated for aiohttp but once.
    _last_origin: tuple[httpx.URL | None, str] = (None, "")
    _last_headers: tuple[httpx.Headers | None, CIMultiDict[str]] = (None, CIMultiDict())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the answer, its body still unread and compressed."""
        if not isinstance(self.client, aiohttp.ClientSession):
            self.client = self.get_client()
        target = request.extensions["target"].decode("ascii")
        url = URL(self._origin(request.url) + target, encoded=True)
        if url.raw_path_qs != target or url.raw_host != request.url.raw_host.decode("ascii"):
            raise httpx.UnsupportedProtocol("the target changed on its way", request=request)
        timeout = request.extensions["timeout"]
        with map_aiohttp_exceptions():
            response = await self.client.request(
                request.method,
                url,
                headers=self._headers(request.headers),
                data=request.content or None,
                allow_redirects=False,
                auto_decompress=False,
                timeout=_client_timeout(timeout["connect"], timeout["read"]),
                proxy=str(self.proxy.url) if self.proxy else None,
                proxy_headers=self.proxy.headers if self.proxy else None,
            )
        answer = httpx.Response(
            status_code=response.status,
            headers=response.raw_headers,
            stream=_Body(response),
            request=request,
            extensions={"http_version": b"HTTP/1.1"},
        )
        answer.headers.encoding = "iso-8859-1"  # else each look at a header begins with guessing the encoding of all
        return answer

    def _origin(self, url: httpx.URL) -> str:
        if self._last_origin[0] is not url:
            self._last_origin = url, str(url).rstrip("/")
        return self._last_origin[1]

    def _headers(self, headers: httpx.Headers) -> CIMultiDict[str]:
        if self._last_headers[0] is not headers:
            self._last_headers = headers, CIMultiDict(headers.multi_items())
        return self._last_headers[1]

    def get_client(self) -> aiohttp.ClientSession:
        """Open the session: no cookies, no silent second try; the limiter bounds the connections."""
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS, ssl=self.ssl_context)
        session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)
        session._retry_connection = False  # noqa: SLF001 - no public switch; the retry policy does this, and counts it
        return session


def open_transport(base_url: httpx.URL, *, verify: ssl.SSLContext | str | bool) -> ExactTransport:
    """Make the transport for one base URL, through the proxy that the environment names for it, if any."""
    for name in NOISY_LOGGERS:  # below WARNING they write URLs, which hold ids
        logging.getLogger(name).setLevel(logging.WARNING)
    context = verify if isinstance(verify, ssl.SSLContext) else _ssl_context(verify)
    return ExactTransport(verify=context, proxy=_proxy(base_url))


@functools.cache
def _client_timeout(connect: float, read: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=read * DRIP_FACTOR,
        connect=connect * 2,  # with the look-up of the name and a second address
        sock_connect=connect,
        sock_read=read,
    )


@functools.cache  # a context is slow to make and takes 3 MB
def _ssl_context(verify: str | bool) -> ssl.SSLContext:
    if isinstance(verify, bool):
        return httpx.create_ssl_context(verify=verify)
    try:
        return ssl.create_default_context(cafile=verify)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            "the file of trusted certificates can't be read; check its path and its PEM format"
        ) from error


def _proxy(base_url: httpx.URL) -> httpx.Proxy | None:
    address = getproxies().get(base_url.scheme)
    if not address or is_loopback(base_url.host) or proxy_bypass(base_url.host):
        return None
    proxy = None
    with contextlib.suppress(ValueError, httpx.InvalidURL):  # their text holds the proxy's password
        proxy = httpx.Proxy(address if "://" in address else f"http://{address}")
    if proxy is None or proxy.url.scheme != "http" or not proxy.url.host:
        raise ConfigError("the environment names a proxy that is no http:// URL; change or unset it")
    if proxy.auth:
        proxy.headers["Proxy-Authorization"] = aiohttp.encode_basic_auth(*proxy.auth)
    return proxy


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, so that nothing leaves it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Body(AiohttpResponseStream):
    """A body in as few pieces as it came in."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with map_aiohttp_exceptions():
            while chunk := await self._aiohttp_response.content.readany():
                yield chunk

    async def aclose(self) -> None:
        if not self._aiohttp_response.closed:  # a body that was read to its end has given its connection back
            await super().aclose()
