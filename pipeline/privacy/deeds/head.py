"""The head of the ledger of deeds, kept in a file of its own: a tail that was cut off is noticed by it.

A head is written after its deed is on the disk, so a crash leaves it behind the ledger, never ahead of it.
"""

from __future__ import annotations

import hmac
import os
from pathlib import Path
from typing import NamedTuple

import msgspec

from pipeline.lake import storage
from pipeline.privacy.deeds.deed import GENESIS, mac_of


class Head(NamedTuple):
    """The last deed of a ledger; seq 0 where there is none."""

    seq: int
    hash: str


FIRST = Head(0, GENESIS)


class _Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seq: str
    hash: str
    mac: str


def create_head(path: Path, *, key: bytes) -> None:
    """Write the head of an empty ledger durably."""
    storage.write_atomic(path, _encode(FIRST, key))


def write_head(path: Path, head: Head, *, key: bytes) -> None:
    """Overwrite the head in place: it always has the same length and lies within one sector.

    It is not synced, since a head that a power failure left behind is still a true one.
    """
    with storage.storage_errors():
        descriptor = os.open(path, os.O_WRONLY)
        try:
            os.pwrite(descriptor, _encode(head, key), 0)
        finally:
            os.close(descriptor)


def read_head(path: Path, *, key: bytes) -> Head | None:
    """The head, or None if the file is damaged or was not signed with this key.

    Raises:
        FileNotFoundError: there is no such file.
    """
    data = path.read_bytes()
    try:
        stored = msgspec.json.decode(data, type=_Stored)
        head = Head(int(stored.seq), stored.hash)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        return None
    return head if hmac.compare_digest(data, _encode(head, key)) else None


def _encode(head: Head, key: bytes) -> bytes:
    mac = mac_of(f"{head.seq}|{head.hash}", key=key, purpose="head")
    return msgspec.json.encode(_Stored(f"{head.seq:019d}", head.hash, mac)) + b"\n"
