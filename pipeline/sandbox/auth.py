"""API keys with a known, fixed secret for every sandbox app, and the check of the Authorization header."""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import jwt

from pipeline.sandbox.answers import unauthorized

TOKENS_REMEMBERED = 1024


class Scope(StrEnum):
    """What a key may do (specification, section Authorization)."""

    ACCOUNT = "account"
    APP = "app"
    INTEGRATION = "integration"


@dataclass(frozen=True, slots=True)
class Key:
    """An API key; an account key has neither app nor integration."""

    id: str
    secret: str
    scope: Scope
    app_id: str | None = None
    integration_id: str | None = None


def make_keys(app_id: str, *, integration_id: str | None) -> dict[Scope, Key]:
    """The keys of one app; the account key is the same for all apps."""
    app, integration = _digest(f"app {app_id}"), _digest(f"integration {app_id}")
    return {
        Scope.ACCOUNT: Key(f"act_{_digest('account')[:24]}", _digest("account")[24:], Scope.ACCOUNT),
        Scope.APP: Key(f"app_{app[:24]}", app[24:], Scope.APP, app_id),
        Scope.INTEGRATION: Key(f"int_{integration[:24]}", integration[24:], Scope.INTEGRATION, app_id, integration_id),
    }


class Keyring:
    """Finds the key of a call."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = {key.id: key for key in keys}
        self._basic = {_basic(key): key for key in self._keys.values()}
        self._tokens: dict[bytes, tuple[Key, float | None]] = {}

    def forget_app(self, app_id: str) -> None:
        """Revoke the keys of an app that was deleted."""
        self._keys = {key.id: key for key in self._keys.values() if key.app_id != app_id}
        self._basic = {_basic(key): key for key in self._keys.values()}
        self._tokens.clear()

    def find(self, header: bytes | None) -> Key:
        """The key that signed or named itself in an Authorization header.

        Raises:
            Refusal: 401 for a missing header, an unknown key, a wrong secret, a bad or expired token, or one
                whose `scope` is not the key's.
        """
        if header is None:
            raise unauthorized()
        key = self._basic.get(header)
        if key is not None:
            return key
        scheme, _, credentials = header.partition(b" ")
        if scheme.lower() == b"basic":
            return self._find_basic(credentials)
        if scheme.lower() == b"bearer":
            return self._find_bearer(credentials.strip())
        raise unauthorized("Unsupported authorization scheme")

    def _find_basic(self, credentials: bytes) -> Key:
        try:
            key_id, _, secret = base64.b64decode(credentials.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise unauthorized("Invalid basic credentials") from None
        key = self._keys.get(key_id)
        if key is None or key.secret != secret:
            raise unauthorized("Invalid credentials")
        return key

    def _find_bearer(self, token: bytes) -> Key:
        known = self._tokens.get(token)
        if known is not None and (known[1] is None or known[1] > time.time()):
            return known[0]
        try:
            key = self._keys.get(str(jwt.get_unverified_header(token).get("kid")))
            if key is None:
                raise unauthorized("Unknown key")
            claims = jwt.decode(token, key.secret, algorithms=["HS256"])
        except jwt.InvalidTokenError as error:
            raise unauthorized(f"Invalid token: {type(error).__name__}") from None
        if claims.get("scope") != key.scope:
            raise unauthorized("The scope claim does not match the key")
        if len(self._tokens) >= TOKENS_REMEMBERED:
            self._tokens.clear()
        self._tokens[token] = (key, claims.get("exp"))
        return key


def _digest(text: str) -> str:
    return hashlib.sha256(f"sunlake sandbox {text}".encode()).hexdigest()


def _basic(key: Key) -> bytes:
    return b"Basic " + base64.b64encode(f"{key.id}:{key.secret}".encode())
