"""Which base URLs a client accepts: a key must never travel in the clear, nor to a place that was not meant."""

from __future__ import annotations

import re

import httpx

from pipeline.api.transport import is_loopback
from pipeline.errors import ConfigError

_PREFIX = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")


def parse_base_url(base_url: str) -> httpx.URL:
    """Check a base URL and return it parsed; its path prefix, such as `/sc`, is kept.

    Raises:
        ConfigError: it is no https URL (http is for loopback hosts), or holds more than a host and a plain path.
    """
    try:
        url = httpx.URL(base_url.strip())
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigError("the base URL is no URL; it looks like https://example.zendesk.com/sc")
    if url.scheme == "http" and not is_loopback(url.host):
        raise ConfigError("the base URL must begin with https://; over http the key would travel in the clear")
    if url.userinfo or "?" in base_url or "#" in base_url:
        raise ConfigError("the base URL must hold no user, query or fragment; keys have settings of their own")
    if not _PREFIX.fullmatch(path_prefix(url)):
        raise ConfigError(
            "the path of the base URL holds unusual characters; it looks like https://example.zendesk.com/sc"
        )
    if path_prefix(url).endswith("/v2"):
        raise ConfigError("the base URL must not end with /v2; leave that off, it is added by itself")
    return url


def path_prefix(url: httpx.URL) -> str:
    """The path of a base URL, which comes before that of each route; without a slash at its end."""
    return url.raw_path.decode("ascii").rstrip("/")
