"""Authentication: turns a key into the Authorization header, and never shows the secret."""

from __future__ import annotations

import base64
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import jwt

from pipeline.api.routes import Scope
from pipeline.errors import ConfigError

TOKEN_SECONDS = 300
"""Life of a JSON Web Token: short, so that one that leaks is soon worth nothing."""

RENEW_SECONDS = 60
"""A token is renewed this long before it expires, so that none expires on its way."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A key of Sunshine Conversations.

    Args:
        key_id: the key's id, such as `app_...`; it becomes the `kid` header of a token.
        secret: the key's secret.
        method: "basic" sends key and secret; "jwt" sends a signed token and keeps the secret here.
        scope: the key's scope, which a token must claim and which must match the key (api.md, section 6).
    """

    key_id: str = field(repr=False)
    secret: str = field(repr=False)
    method: Literal["basic", "jwt"] = "basic"
    scope: Scope = "app"

    def __post_init__(self) -> None:
        if not self.key_id or not self.secret:
            raise ConfigError("the key id or the secret is empty; set both")
        if ":" in self.key_id or not (self.key_id + self.secret).isprintable():
            raise ConfigError("the key id or the secret holds characters that no key has; copy them anew")


def is_account_key(credential: Credential) -> bool:
    """Whether a key says of itself that it reaches beyond one app (openapi.yaml, tag Account Provisioning)."""
    return credential.scope == "account" or credential.key_id.startswith(("act_", "svc_"))


class Authorization:
    """Gives the value of the Authorization header for a credential, renewing tokens in time."""

    __slots__ = ("_credential", "_now", "_renew_at", "_value")

    def __init__(self, credential: Credential, *, now: Callable[[], float] = time.time) -> None:
        self._credential = credential
        self._now = now
        self._value = ""
        self._renew_at = 0.0

    def __repr__(self) -> str:
        return f"Authorization({self._credential.method})"

    def value(self) -> str:
        """Return the header's value, valid for at least another minute."""
        now = self._now()
        # A clock that was set back must not keep a token whose expiry now lies far in the future.
        if not self._renew_at - TOKEN_SECONDS <= now < self._renew_at:
            self._value = self._basic() if self._credential.method == "basic" else self._token(now)
            self._renew_at = now + TOKEN_SECONDS - RENEW_SECONDS
        return self._value

    def _basic(self) -> str:
        pair = f"{self._credential.key_id}:{self._credential.secret}"
        return "Basic " + base64.b64encode(pair.encode()).decode("ascii")

    def _token(self, now: float) -> str:
        claims = {"scope": self._credential.scope, "exp": int(now) + TOKEN_SECONDS}
        headers = {"kid": self._credential.key_id}
        with warnings.catch_warnings():
            # Zendesk chooses the length of the secrets; the user can't mend it, and old ones are short.
            warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
            return "Bearer " + jwt.encode(claims, self._credential.secret, algorithm="HS256", headers=headers)
