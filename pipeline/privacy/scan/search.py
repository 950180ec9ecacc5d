"""Searching bytes for all needles at once: one automaton over lower case, each match then checked against the bytes."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ahocorasick_rs import BytesAhoCorasick, Implementation

from pipeline.privacy.scan.edges import has_edges
from pipeline.privacy.scan.encodings import Encoding, forms_of
from pipeline.privacy.scan.needles import Needle

CONTEXT: Final = 16
"""Bytes beside a match that are looked at to tell whether it is a whole word."""

WINDOW: Final = 1 << 20
"""Bytes searched at a time."""

_DFA_BYTES: Final = 2_000_000  # of all forms; above, the faster automaton would fill the memory
_DIGITS_OF_INT64: Final = 19
_ENCODINGS: Final = tuple(Encoding)


@dataclass(frozen=True, slots=True)
class Match:
    """A needle in the bytes searched; `whole` where its neighbours let it be the value and no part of a longer one."""

    needle: int
    encoding: Encoding
    start: int
    end: int
    whole: bool


class Search:
    """A search for many needles. It holds them in memory and never shows them."""

    def __init__(self, needles: tuple[Needle, ...]) -> None:
        self.needles = needles
        self._forms: list[bytes] = []
        self._owners = array("I")
        self._encodings = bytearray()
        for number, needle in enumerate(needles):
            for encoding, form in forms_of(needle.value):
                self._forms.append(form)
                self._owners.append(number)
                self._encodings.append(_ENCODINGS.index(encoding))
        small = sum(map(len, self._forms)) <= _DFA_BYTES
        self._automaton = BytesAhoCorasick(
            [form.lower() for form in self._forms], implementation=Implementation.DFA if small else None
        )
        self.longest = max(map(len, self._forms), default=0)
        self.numbers = {
            int(needle.value): number
            for number, needle in enumerate(needles)
            if needle.value.isascii() and needle.value.isdigit() and len(needle.value) < _DIGITS_OF_INT64
        }

    def __repr__(self) -> str:
        return f"Search({len(self.needles)} needles)"

    def find(self, data: bytes, *, since: int = 0, until: int | None = None) -> Iterator[Match]:
        """All matches that end behind `since` and not behind `until`, in order of their end."""
        lowered = data.lower()
        if not self._automaton.find_matches_as_indexes(lowered):  # without overlaps it is faster, and mostly enough
            return
        limit = len(data) if until is None else until
        for form, start, end in self._automaton.find_matches_as_indexes(lowered, overlapping=True):
            if since < end <= limit and self._is_value(form, data[start:end]):
                encoding = _ENCODINGS[self._encodings[form]]
                number = self._owners[form]
                whole = has_edges(self.needles[number].edge, encoding, data, start, end)
                yield Match(number, encoding, start, end, whole)

    def _is_value(self, form: int, found: bytes) -> bool:
        encoding = _ENCODINGS[self._encodings[form]]
        if encoding is Encoding.BASE64:
            return found == self._forms[form]
        if self.needles[self._owners[form]].exact and encoding in {Encoding.UTF8, Encoding.UTF16}:
            return found in {self._forms[form], self._forms[form].lower()}
        return True


class Stream:
    """A search over bytes that come in pieces; a needle that lies across pieces is found, and found once."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._kept = b""
        self._decided = 0  # bytes of what is kept that were dealt with already

    def feed(self, piece: bytes) -> Iterator[Match]:
        """The matches that are certain by now; their offsets mean nothing."""
        data = self._kept + piece
        until = max(self._decided, len(data) - CONTEXT)
        yield from self._search.find(data, since=self._decided, until=until)
        keep = self._search.longest + 2 * CONTEXT
        self._kept = data[-keep:]
        self._decided = until - (len(data) - len(self._kept))

    def finish(self) -> Iterator[Match]:
        """The matches in the last bytes."""
        yield from self._search.find(self._kept, since=self._decided)
        self._kept = b""
        self._decided = 0
