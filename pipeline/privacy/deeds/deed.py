"""One deed: a line of the ledger, chained to the line before it and signed with the ledger's key (gdpr.md, section 9).

hash = SHA-256(prev || canonical JSON of the facts), mac = HMAC-SHA256(key, "deed|" || hash). Anybody can follow the
chain by its hashes; only the holder of the key can make one.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec

from pipeline.errors import SunlakeError
from pipeline.privacy.deeds.words import Event, Status, Step, is_batch, is_count_name, is_request_ref, is_tag

GENESIS: Final = "0" * 64
"""The `prev` of the first deed."""

_LARGEST: Final = 2**63 - 1

Word = TypeVar("Word", Event, Step, Status)


class Deed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What was done. `seq` counts from 1, `ts` is an ISO time in UTC; nothing in it is personal data."""

    seq: int
    ts: str
    batch: str | None
    event: Event
    step: Step | None
    tag: str | None
    ref: str | None
    status: Status | None
    counts: dict[str, int]
    prev: str
    hash: str
    mac: str


class DeedRefusedError(SunlakeError):
    """A value may not enter the ledger of deeds; the message names its place and never its text."""


_DECODER: Final = msgspec.json.Decoder(Deed)


def make_deed(
    *,
    seq: int,
    prev: str,
    key: bytes,
    event: str,
    batch: str | None = None,
    step: str | None = None,
    tag: str | None = None,
    ref: str | None = None,
    status: str | None = None,
    counts: Mapping[str, int] | None = None,
) -> Deed:
    """A deed that follows the one with the hash `prev`.

    Raises:
        DeedRefusedError: a value is none of: a known word, an id of a batch, a hexadecimal tag, a request_ref, a count.
    """
    unsigned = Deed(
        seq=seq,
        ts=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        batch=_checked(batch, is_batch, "batch is no id of a batch"),
        event=_word(Event, event, "event"),
        step=None if step is None else _word(Step, step, "step"),
        tag=_checked(tag, is_tag, "tag is not 16 to 64 hexadecimal digits"),
        ref=_checked(ref, is_request_ref, "ref is no opaque reference (letters, digits and _.:/#-)"),
        status=None if status is None else _word(Status, status, "status"),
        counts=_counts(counts or {}),
        prev=prev,
        hash="",
        mac="",
    )
    digest = hash_of(unsigned)
    return msgspec.structs.replace(unsigned, hash=digest, mac=mac_of(digest, key=key))


def encode(deed: Deed) -> bytes:
    """The deed's line, with its line feed; equal deeds have equal bytes."""
    return msgspec.json.encode(deed, order="deterministic") + b"\n"


def decode(line: bytes) -> Deed | None:
    """The deed of a line, or None where the line is not exactly what `encode` writes."""
    try:
        deed = _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return deed if encode(deed) == line else None


def hash_of(deed: Deed) -> str:
    """What the deed's hash must be."""
    facts = {name: getattr(deed, name) for name in ("seq", "ts", "batch", "event", "step", "tag", "ref", "status")}
    canonical = msgspec.json.encode({**facts, "counts": deed.counts}, order="deterministic")
    return hashlib.sha256(deed.prev.encode() + canonical).hexdigest()


def mac_of(digest: str, *, key: bytes, purpose: str = "deed") -> str:
    """The signature over a hash; `purpose` keeps that of a deed and that of a head apart."""
    return hmac.digest(key, f"{purpose}|{digest}".encode(), "sha256").hex()


def is_signed(deed: Deed, *, key: bytes) -> bool:
    """Whether the deed's mac was made with the key."""
    return hmac.compare_digest(deed.mac.encode(), mac_of(deed.hash, key=key).encode())


def _word(words: type[Word], value: str, name: str) -> Word:
    try:
        return words(value)
    except ValueError:
        raise DeedRefusedError(f"the ledger of deeds knows no such {name}; words.py holds those it knows") from None


def _checked(value: str | None, is_right: Callable[[str], bool], why: str) -> str | None:
    if value is not None and not is_right(value):
        raise DeedRefusedError(f"the ledger of deeds refuses a value: {why}")
    return value


def _counts(counts: Mapping[str, int]) -> dict[str, int]:
    for name, value in counts.items():
        if not is_count_name(name):
            raise DeedRefusedError("the ledger of deeds refuses the name of a count: it is no word in lower case")
        if type(value) is not int or not -_LARGEST <= value <= _LARGEST:
            raise DeedRefusedError(f"the ledger of deeds refuses the count {name}: it is no whole number of 64 bits")
    return dict(counts)
