from __future__ import annotations

import base64

import jwt
import pytest

from pipeline.api.auth import Authorization, Credential
from pipeline.errors import ConfigError

SECRET = "s3cret-of-at-least-thirty-two-characters"


def test_basic_is_key_and_secret() -> None:
    """Basic authentication sends keyId:secret in base64."""
    scheme, _, encoded = Authorization(Credential("app_1", SECRET)).value().partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(encoded).decode() == f"app_1:{SECRET}"


@pytest.mark.parametrize("scope", ["app", "account", "integration"])
def test_token_names_key_and_scope(scope: str) -> None:
    """A token is HS256, its header names the key, its claims the scope and a near expiry."""
    now = 1_800_000_000.0
    value = Authorization(Credential("app_1", SECRET, "jwt", scope), now=lambda: now).value()  # type: ignore[arg-type] # parametrized literal
    scheme, _, token = value.partition(" ")
    assert scheme == "Bearer"
    header = jwt.get_unverified_header(token)
    assert (header["alg"], header["kid"]) == ("HS256", "app_1")
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_exp": False})
    assert claims == {"scope": scope, "exp": int(now) + 300}


def test_token_is_renewed_before_it_expires_and_not_before() -> None:
    """One token serves many calls, is replaced a minute before its expiry, and at once if the clock was set back."""
    time = [1_800_000_000.0]
    authorization = Authorization(Credential("app_1", SECRET, "jwt"), now=lambda: time[0])
    first = authorization.value()
    time[0] += 239
    assert authorization.value() == first
    time[0] += 1
    second = authorization.value()
    assert second != first
    time[0] -= 100_000
    assert authorization.value() not in (first, second)


def test_short_secrets_are_used_without_a_warning() -> None:
    """Old keys have secrets of 24 characters, about which the user can do nothing."""
    assert Authorization(Credential("app_1", "x" * 24, "jwt")).value().startswith("Bearer ")


def test_nothing_shows_the_secret() -> None:
    """Neither the credential nor the authorization shows key or secret."""
    credential = Credential("app_1", SECRET)
    shown = repr(credential) + str(credential) + repr(Authorization(credential))
    assert SECRET not in shown
    assert "app_1" not in shown


@pytest.mark.parametrize(
    ("key_id", "secret"), [("", "s"), ("k", ""), ("a:b", "s"), ("k", "s\n"), ("k\r\nHost: x", "s")]
)
def test_impossible_keys_are_refused(key_id: str, secret: str) -> None:
    """Empty keys, colons in the id and control characters are a mistake of copying."""
    with pytest.raises(ConfigError) as caught:
        Credential(key_id, secret)
    assert (secret or key_id) not in str(caught.value).split()
