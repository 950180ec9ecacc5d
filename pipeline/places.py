"""Where a lake may lie: a folder, or a prefix of a bucket in an S3-compatible store."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import msgspec

from pipeline.errors import ConfigError

SCHEME = "s3://"
DEFAULT_STATE = "~/.local/state/sunlake"
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# DuckDB reads the names as patterns, and SQL holds them: no character that means something to either.
_PREFIX = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")


class StorageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How to reach the store of an S3 lake.

    Without an endpoint it is Amazon's. `path_style` puts the bucket into the path instead of the host name; by default
    so wherever an endpoint is given. The three `..._env` name environment variables; without them the usual chain of
    AWS is asked (environment, profile, role of the machine). `lease_seconds`: for so long a writer that went silent
    keeps others out, where the ledger is on PostgreSQL.
    """

    endpoint: str | None = None
    region: str | None = None
    path_style: bool | None = None
    access_key_id_env: str | None = None
    secret_access_key_env: str | None = None
    session_token_env: str | None = None
    lease_seconds: float = 60.0


class S3Place(msgspec.Struct, frozen=True, kw_only=True):
    """A lake's place in a bucket. `private` is the folder on this machine that holds what is not for other machines."""

    bucket: str
    prefix: str
    private: Path
    storage: StorageSettings = StorageSettings()
    ledger_url: str | None = None

    @property
    def url(self) -> str:
        """Its name, without a slash at the end."""
        return f"{SCHEME}{self.bucket}/{self.prefix}".rstrip("/")

    def __str__(self) -> str:
        return self.url

    def __repr__(self) -> str:  # the ledger's URL may hold a password
        return f"S3Place({self.url!r})"


Place: TypeAlias = Path | S3Place


def s3_place(lake: str, storage: StorageSettings, *, state: str, ledger_url: str | None) -> S3Place:
    """Read the name of a lake in a bucket, `s3://bucket/prefix`.

    Raises:
        ConfigError: it is none.
    """
    bucket, _, prefix = lake.removeprefix(SCHEME).partition("/")
    prefix = prefix.rstrip("/")
    if not _BUCKET.fullmatch(bucket) or (prefix and not _PREFIX.fullmatch(prefix)):
        raise ConfigError(
            "lake must be a folder or s3://bucket/prefix, with letters, digits and . _ - in the parts of the prefix"
        )
    place = f"{storage.endpoint or ''} {bucket}/{prefix}"
    private = Path(state).expanduser() / hashlib.sha256(place.encode()).hexdigest()[:16]
    return S3Place(bucket=bucket, prefix=prefix, private=private.absolute(), storage=storage, ledger_url=ledger_url)


def check_storage(storage: StorageSettings, *, at: str) -> None:
    """Refuse settings of the store that can't be meant.

    Raises:
        ConfigError: the message names `at`, the section of the settings.
    """
    if storage.endpoint is not None:
        parts = urlsplit(storage.endpoint)
        if parts.scheme not in {"https", "http"} or not parts.hostname:
            raise ConfigError(f"{at}.endpoint must be a URL such as https://s3.example.com")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
            raise ConfigError(f"{at}.endpoint: http would send conversations in clear text; use https")
        if parts.query or parts.fragment or parts.username or parts.password or parts.path.strip("/"):
            raise ConfigError(f"{at}.endpoint must be scheme, host and port; keys belong into environment variables")
    if (storage.access_key_id_env is None) != (storage.secret_access_key_env is None):
        raise ConfigError(f"{at}: access_key_id_env and secret_access_key_env go together")
    if storage.session_token_env is not None and storage.access_key_id_env is None:
        raise ConfigError(f"{at}: session_token_env needs access_key_id_env and secret_access_key_env")
    if storage.lease_seconds <= 0:
        raise ConfigError(f"{at}.lease_seconds must be above 0")
