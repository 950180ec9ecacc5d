from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pipeline.api import resources
from pipeline.api.answer import Answer
from pipeline.api.auth import Credential
from pipeline.api.base_url import parse_base_url
from pipeline.api.client import ApiClient
from pipeline.api.limiter import Limiter
from pipeline.api.transport import open_transport
from pipeline.errors import ConfigError, UnavailableError

from .conftest import KEY_ID, QUICK, SECRET, FakeApi, Wire

GOOD = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"user":{}}'


def call(base_url: str, *, limiter: Limiter | None = None, seconds: float = 5.0, verify: str | bool = True) -> Answer:
    """Ask for a user."""

    async def get() -> Answer:
        credential = Credential(KEY_ID, SECRET)
        limited = limiter or Limiter(start_rate=1000.0)
        async with ApiClient(
            base_url, credential, limiter=limited, max_call_seconds=seconds, retry=QUICK, verify=verify
        ) as client:
            return await client.get(resources.GET_USER, path={"appId": "a", "userIdOrExternalId": "u"}, query={})

    return asyncio.run(get())


def self_signed(folder: Path) -> Path:
    """Make a key and a certificate for 127.0.0.1, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    constraints = x509.BasicConstraints(ca=True, path_length=0)
    certificate = builder.add_extension(address, critical=False).add_extension(constraints, critical=True)
    encoding = serialization.Encoding.PEM
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = folder / "self-signed.pem"
    signed = certificate.sign(key, hashes.SHA256())
    pem.write_bytes(key.private_bytes(encoding, form, plain) + signed.public_bytes(encoding))
    return pem


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"no HTTP at all\r\n\r\n",
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{"user":{}}',
        b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{"user":{}}\r\n',
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n",
    ],
)
def test_broken_connections_are_tried_again(wire: Callable[..., Wire], broken: bytes) -> None:
    """A connection that is cut or talks nonsense, at any point of the answer, costs one try."""
    limiter = Limiter(start_rate=1000.0)
    assert call(wire((broken,), (GOOD,)).url, limiter=limiter).retries == 1
    assert limiter.snapshot().calls == 2


def test_no_request_is_repeated_behind_our_back(wire: Callable[..., Wire]) -> None:
    """When a kept connection dies, the repetition is the policy's, and counted."""
    limiter = Limiter(start_rate=1000.0)
    server = wire((GOOD, b""), (GOOD,))

    async def twice() -> list[int]:
        async with ApiClient(server.url, Credential(KEY_ID, SECRET), limiter=limiter, retry=QUICK) as client:
            path = {"appId": "a", "userIdOrExternalId": "u"}
            return [(await client.get(resources.GET_USER, path=path, query={})).retries for _ in range(2)]

    assert asyncio.run(twice()) == [0, 1]
    assert server.requests == limiter.snapshot().calls == 3


def test_a_target_that_would_change_is_not_sent(api: FakeApi) -> None:
    """The transport sends a target byte for byte or not at all."""

    async def send(target: bytes) -> None:
        transport = open_transport(httpx.URL(api.url), verify=True)
        timeout = {"connect": 1.0, "read": 1.0}
        request = httpx.Request("GET", api.url, extensions={"timeout": timeout, "target": target})
        try:
            await transport.handle_async_request(request)
        finally:
            await transport.aclose()

    for target in (b"/a#b", b"@elsewhere.example/", b""):
        with pytest.raises(httpx.UnsupportedProtocol):
            asyncio.run(send(target))
    assert api.asked == []


def test_nobody_listening_is_unavailable_and_named_by_kind() -> None:
    """A refused connection is retried until the time is over, and the error says which kind of failure it was."""
    with pytest.raises(UnavailableError, match=r"no answer \(ClientConnectorError\)"):
        call("http://127.0.0.1:9", seconds=0.1)


def test_an_untrusted_certificate_is_final(wire: Callable[..., Wire], tmp_path: Path) -> None:
    """A server that can't prove who it is gets no second try and no key, unless its certificate is trusted."""
    pem = self_signed(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    server = wire((GOOD,), tls=context)
    limiter = Limiter()
    with pytest.raises(UnavailableError, match=r"no secure connection \(ClientConnectorCertificateError\)"):
        call(server.url, limiter=limiter)
    assert (limiter.snapshot().calls, server.requests) == (1, 0)
    assert call(server.url, verify=str(pem)).status == 200
    assert call(server.url, verify=False).status == 200


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://example.zendesk.com/sc", "https://example.zendesk.com/sc"),
        (" https://example.zendesk.com/sc/ ", "https://example.zendesk.com/sc/"),
        ("https://api.eu-1.smooch.io", "https://api.eu-1.smooch.io"),
        ("HTTPS://API.smooch.io:8443", "https://api.smooch.io:8443"),
        ("http://127.0.0.1:80/sc", "http://127.0.0.1/sc"),
        ("http://localhost:9", "http://localhost:9"),
        ("http://[::1]:9/sc", "http://[::1]:9/sc"),
    ],
)
def test_base_urls_keep_their_prefix(given: str, kept: str) -> None:
    """A base URL is https anywhere or http on the loopback host, with or without a path prefix."""
    assert str(parse_base_url(given)) == kept


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("http://example.zendesk.com/sc", "must begin with https"),
        ("http://127.0.0.1.example.org", "must begin with https"),
        ("ftp://example.org", "is no URL"),
        ("example.zendesk.com/sc", "is no URL"),
        ("", "is no URL"),
        ("https://", "is no URL"),
        ("https://example.org:99999x", "is no URL"),
        ("https://key:secret@example.org", "must hold no user"),
        ("https://example.org/sc?x=1", "must hold no user"),
        ("https://example.org/#x", "must hold no user"),
        ("https://example.org/a%2Fb", "unusual characters"),
        ("https://example.org//sc", "unusual characters"),
        ("https://example.org/sc/v2/", "must not end with /v2"),
    ],
)
def test_bad_base_urls_are_refused(given: str, says: str) -> None:
    """A base URL that would send the key elsewhere, or in the clear, is a mistake, and is not shown."""
    with pytest.raises(ConfigError, match=says) as caught:
        parse_base_url(given)
    assert "secret@" not in str(caught.value)


def test_proxies_of_the_environment_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS_PROXY applies, with its credentials in a header, unless NO_PROXY names the host; loopback does not."""
    monkeypatch.delenv("https_proxy", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://me:pass@proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example")
    proxy = open_transport(httpx.URL("https://example.zendesk.com/sc"), verify=True).proxy
    assert proxy is not None
    assert str(proxy.url) == "http://proxy.example:3128"
    assert proxy.headers["Proxy-Authorization"] == "Basic bWU6cGFzcw=="
    assert open_transport(httpx.URL("https://inside.example"), verify=True).proxy is None
    assert open_transport(httpx.URL("https://127.0.0.1"), verify=True).proxy is None


def test_a_proxy_is_asked_to_connect(wire: Callable[..., Wire], monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls go through the proxy, which may refuse."""
    monkeypatch.delenv("https_proxy", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", wire((b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",)).url)
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(UnavailableError, match=r"no answer \(ClientHttpProxyError\)"):
        call("https://example.zendesk.com/sc", seconds=0.1)


@pytest.mark.parametrize("address", ["socks5://proxy.example:1080", "http://"])
def test_unusable_proxies_are_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """A proxy that can't be used is a mistake of the environment."""
    monkeypatch.delenv("https_proxy", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", address)
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(ConfigError, match="environment"):
        open_transport(httpx.URL("https://example.zendesk.com"), verify=True)


def test_one_tls_context_is_shared(tmp_path: Path) -> None:
    """Contexts are dear, so clients share one; a file of certificates that is missing is a mistake of the settings."""
    url = httpx.URL("https://example.zendesk.com")
    assert open_transport(url, verify=True).ssl_context is open_transport(url, verify=True).ssl_context
    assert open_transport(url, verify=False).ssl_context.verify_mode == ssl.CERT_NONE
    own = ssl.create_default_context()
    assert open_transport(url, verify=own).ssl_context is own
    with pytest.raises(ConfigError, match="certificates"):
        open_transport(url, verify=str(tmp_path / "missing.pem"))
