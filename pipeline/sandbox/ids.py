"""How the worlds name things: 24 hex digits, derived and never drawn, so that the same world always has the same ids.

Real worlds hash the ids that they come with. Generated worlds have no tables to look an id up in, so theirs are numbers
behind a keyed bijection (a Feistel network over 96 bits): an id tells its kind and number, unknown ones are recognised.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import blake2b, sha256
from typing import Final

ID_DIGITS: Final = 24
_HALF_BITS: Final = 48
_HALF_MASK: Final = (1 << _HALF_BITS) - 1
_NUMBER_BITS: Final = 40
_NUMBER_MASK: Final = (1 << _NUMBER_BITS) - 1
_ROUNDS: Final = 4
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HEX: Final = frozenset("0123456789abcdef")


def hashed_id(*parts: str) -> str:
    """The first 24 hex digits of the SHA-256 of the parts."""
    return sha256("\x1f".join(parts).encode()).hexdigest()[:ID_DIGITS]


def message_id(seconds: int, conversation: str, position: int) -> str:
    """A message's id in the form of an ObjectId: it ascends with the second of receipt, then with the position.

    Args:
        seconds: Unix time of receipt.
        conversation: ten hex digits that are the conversation's own.
        position: the message's place in its conversation, from 0; below 2**24.
    """
    return f"{seconds:08x}{conversation}{position:06x}"


def timestamp(milliseconds: int) -> str:
    """Unix milliseconds as the API writes them: `2026-03-01T09:30:00.250Z`."""
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


@dataclass(frozen=True)
class IdSpace:
    """The ids of one generated world: `make` and `read` are each other's inverse.

    A number is joined with its kind and 48 zero bits before it is scrambled; an id that doesn't unscramble to zero bits
    was never made here (but for one in 2**48).

    Args:
        key: names the world; different keys give unrelated ids.
    """

    key: str

    def make(self, kind: int, number: int) -> str:
        """The id of the `number`th thing of a kind (0 to 255); numbers are below 2**40."""
        return self._scramble(kind << _NUMBER_BITS | number, 0)

    def read(self, kind: int, text: str) -> int | None:
        """The number behind an id of this kind, or None where this world has made no such id."""
        if len(text) != ID_DIGITS or not _HEX.issuperset(text):
            return None
        left, zero = self._unscramble(int(text, 16))
        if zero or left >> _NUMBER_BITS != kind:
            return None
        return left & _NUMBER_MASK

    def token(self, kind: int, number: int) -> str:
        """Ten hex digits that no other number of this kind has; for `message_id`."""
        left, right = number >> 20, number & 0xFFFFF
        for turn in range(_ROUNDS):
            left, right = right, left ^ (self._mix(16 + turn + (kind << 8), right) & 0xFFFFF)
        return f"{left << 20 | right:010x}"

    def _scramble(self, left: int, right: int) -> str:
        for turn in range(_ROUNDS):
            left, right = right, left ^ self._mix(turn, right)
        return f"{left << _HALF_BITS | right:024x}"

    def _unscramble(self, value: int) -> tuple[int, int]:
        left, right = value >> _HALF_BITS, value & _HALF_MASK
        for turn in reversed(range(_ROUNDS)):
            left, right = right ^ self._mix(turn, left), left
        return left, right

    def _mix(self, turn: int, half: int) -> int:
        digest = self._base.copy()
        digest.update(turn.to_bytes(2, "big") + half.to_bytes(6, "big"))
        return int.from_bytes(digest.digest(), "big")

    @cached_property
    def _base(self) -> blake2b:
        return blake2b(self.key.encode(), digest_size=6)
