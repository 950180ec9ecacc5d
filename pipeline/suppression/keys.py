"""Keys of erasure: what turns an identifier into a MAC that nobody without the key can guess (gdpr.md, section 7).

A key is `keyid:base64` of 32 random bytes or more. The newest makes MACs; older ones stay for matching what they made.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pipeline.config import Settings, key_source
from pipeline.errors import PrivacyKeyError

Purpose: TypeAlias = Literal["tag", "suppression", "hold", "work", "deeds"]
"""What a subkey is for; a MAC of one purpose says nothing to another."""

KEY_BYTES = 32
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_REMEDY = "make one with `sunlake erase keys --out DIR`"


class Keyring:
    """Keys by id, the newest first. It shows nothing of them.

    Args:
        keys: secret bytes by key id.
    """

    __slots__ = ("_keys", "_subkeys", "key_id", "key_ids")

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)
        self._subkeys: dict[tuple[str, str], bytes] = {}
        self.key_ids = tuple(self._keys)
        self.key_id = self.key_ids[0]

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self.key_ids)})"

    def mac(self, purpose: Purpose, *parts: str, key_id: str | None = None) -> str:
        """The HMAC-SHA256 of the parts as hex digits, with the newest key unless another is named.

        Raises:
            PrivacyKeyError: no such key.
        """
        *first, last = parts
        return self.maker(purpose, *first, key_id=key_id)(last)

    def maker(self, purpose: Purpose, *parts: str, key_id: str | None = None) -> Callable[[str], str]:
        """What makes `mac(purpose, *parts, value)` of many values, in half the time.

        Raises:
            PrivacyKeyError: no such key.
        """
        key, start = self.subkey(purpose, key_id=key_id), "|".join(("v1", *parts, ""))

        def mac(value: str) -> str:
            # A cut-off emoji may leave a lone surrogate, which is no Unicode and must match itself all the same.
            return hmac.digest(key, (start + value).encode("utf-8", "surrogatepass"), "sha256").hex()

        return mac

    def subkey(self, purpose: Purpose, *, key_id: str | None = None) -> bytes:
        """The 32 bytes that HKDF-SHA256 derives from a key for a purpose.

        Raises:
            PrivacyKeyError: no such key.
        """
        name = (key_id or self.key_id, purpose)
        found = self._subkeys.get(name)
        if found is None:
            found = self._subkeys[name] = _derive(self._key(name[0]), purpose)
        return found

    def _key(self, key_id: str) -> bytes:
        try:
            return self._keys[key_id]
        except KeyError:
            raise PrivacyKeyError(
                f"the privacy key {key_id} is needed and not among those given ({', '.join(self.key_ids)}); "
                "add it behind the newest"
            ) from None


def load_keyring(settings: Settings, *, environ: Mapping[str, str] | None = None) -> Keyring:
    """The privacy keys, from the variable or the file that `[privacy]` names.

    Raises:
        PrivacyKeyError: there is none, it is malformed, or its file can be read by others. The message says how to
            make one, and nothing of the key.
    """
    privacy = settings.privacy
    return _load(privacy.key_env, privacy.key_file, environ, what="privacy key")


def load_deeds_keyring(settings: Settings, *, environ: Mapping[str, str] | None = None) -> Keyring:
    """The keys of the ledger of deeds, which are best kept where the privacy key is not (gdpr.md, section 9).

    Raises:
        PrivacyKeyError: as for `load_keyring`.
    """
    privacy = settings.privacy
    return _load(privacy.deeds_key_env, privacy.deeds_key_file, environ, what="key of the ledger of deeds")


def new_key_text(prefix: str = "k") -> str:
    """A fresh key as `keyid:base64`. The id says nothing but which of several keys it is."""
    return f"{prefix}{os.urandom(4).hex()}:{base64.b64encode(os.urandom(KEY_BYTES)).decode()}"


def _load(name: str, file: str | None, environ: Mapping[str, str] | None, *, what: str) -> Keyring:
    text, path = key_source(name, file, environ=environ)
    if path is not None:
        text = _read(path, what=what)
    entries = [line.strip() for line in text.replace(",", "\n").splitlines()]
    entries = [entry for entry in entries if entry and not entry.startswith("#")]
    if not entries:
        where = f"{path} holds none" if path is not None else f"set {name}, or {name}_FILE to a file of mode 0600"
        raise PrivacyKeyError(f"there is no {what}; {where}; {_REMEDY}")
    keys: dict[str, bytes] = {}
    for number, entry in enumerate(entries, 1):
        key_id, secret = _parse(entry, at=f"{what} {number} of {path or name}")
        if key_id in keys:
            raise PrivacyKeyError(f"{what}: the key id {key_id} is given twice; each key has an id of its own")
        keys[key_id] = secret
    return Keyring(keys)


def _read(path: Path, *, what: str) -> str:
    """The text of a key file that nobody but its owner can read."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
        with os.fdopen(descriptor, encoding="ascii") as file:
            mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
            if mode & 0o077:
                raise PrivacyKeyError(
                    f"the {what} in {path} can be read by others (mode {mode:04o}); run: chmod 600 {path}"
                )
            return file.read()
    except OSError as error:
        raise PrivacyKeyError(f"the {what} in {path} can't be read ({error.strerror}); {_REMEDY}") from None
    except UnicodeDecodeError:
        raise PrivacyKeyError(f"the {what} in {path} is no text `keyid:base64`; {_REMEDY}") from None


def _parse(entry: str, *, at: str) -> tuple[str, bytes]:
    key_id, separator, encoded = entry.partition(":")
    if not separator or not _KEY_ID.fullmatch(key_id):
        raise PrivacyKeyError(f"{at} is not of the form keyid:base64, the id of up to 32 letters and digits; {_REMEDY}")
    try:
        secret = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise PrivacyKeyError(f"{at} is not base64 after its id; {_REMEDY}") from None
    if len(secret) < KEY_BYTES:
        raise PrivacyKeyError(f"{at} has {len(secret)} bytes, and {KEY_BYTES} are the least; {_REMEDY}")
    return key_id, secret


def _derive(key: bytes, purpose: Purpose) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"sunlake/" + purpose.encode()).derive(key)
