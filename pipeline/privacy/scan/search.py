"""Searching bytes for all needles at once: one automaton over lower case, each match then checked against the bytes."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from ahocorasick_rs import BytesAhoCorasick, Implementation

from pipeline.privacy.scan.edges import has_edges
from pipeline.privacy.scan.encodings import Encoding, forms_of
from pipeline.privacy.scan.needles import Needle

CONTEXT: Final = 16
"""Bytes beside a match that are looked at to tell whether it is a whole word."""

WINDOW: Final = 1 << 20
"""Bytes searched at a time."""

_DFA_BYTES: Final = 2_000_000  # of all forms; above, the faster automaton would fill the memory
_FEW_BYTES: Final = 10_000  # of forms of which an automaton is made for each length of ids
_LONGEST_ID: Final = 64
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
        self._automaton = _automaton(self._forms)
        self._by_length: dict[int, _Forms | None] = {}
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

    def may_be_in(self, texts: pa.Array, length: int) -> bool:
        """Whether anything can be found in texts that are all of so many bytes, as columns of ids are.

        Of very many ids most are as long as the texts, and are looked up: they can't be a part of one.
        """
        if length > _LONGEST_ID:
            return True
        if length not in self._by_length:
            self._by_length[length] = _forms_for(self._forms, length)
        forms = self._by_length[length]
        if forms is None:
            return True
        lowered = pc.ascii_lower(texts)
        # Also bytes that are no UTF-8 may stand in a column of strings.
        values = lowered.cast(pa.large_binary())
        if pc.any(pc.is_in(values, value_set=forms.equal, skip_nulls=True)).as_py():
            return True
        data = lowered.buffers()[2]
        return forms.shorter is not None and bool(forms.shorter.find_matches_as_indexes(memoryview(data).cast("B")))

    def _is_value(self, form: int, found: bytes) -> bool:
        encoding = _ENCODINGS[self._encodings[form]]
        if encoding is Encoding.BASE64:
            return found == self._forms[form]
        if self.needles[self._owners[form]].exact and encoding in {Encoding.UTF8, Encoding.UTF16}:
            return found in {self._forms[form], self._forms[form].lower()}
        return True


@dataclass(frozen=True, slots=True)
class _Forms:
    """What may be found in a text of a certain length: forms of that length, and shorter ones if there are any."""

    equal: pa.Array = field(repr=False)
    shorter: BytesAhoCorasick | None


def _forms_for(forms: list[bytes], length: int) -> _Forms | None:
    """None if so many are shorter that nothing is gained."""
    equal = sorted({form.lower() for form in forms if len(form) == length})
    shorter = [form for form in forms if len(form) < length]
    if sum(map(len, shorter)) > _FEW_BYTES:
        return None
    return _Forms(pa.array(equal, pa.large_binary()), _automaton(shorter) if shorter else None)


def _automaton(forms: list[bytes]) -> BytesAhoCorasick:
    small = sum(map(len, forms)) <= _DFA_BYTES
    return BytesAhoCorasick([form.lower() for form in forms], implementation=Implementation.DFA if small else None)


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
