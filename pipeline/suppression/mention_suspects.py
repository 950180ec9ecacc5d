"""Which texts of a column may mention somebody: a quick look at its bytes, so that few texts are looked at closely."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from ahocorasick_rs import BytesAhoCorasick

from pipeline.suppression.matcher import rows_with

# What JSON may write in another way parts a word, and so do blanks, of which any number counts as one.
_PARTS: Final = re.compile(r"""[\s"'\\/<>&]+""")
_BETWEEN_DIGITS: Final = r"\\[nrtbf]|[\s().\-/\\]"
_ESCAPE: Final = rb"\u"


class Suspects:
    """Finds what may be a mention: all that is one, and a few texts more.

    Args:
        words: what people are called, folded.
        numbers: the digits of phone numbers.
    """

    def __init__(self, words: Iterable[str], numbers: Iterable[str]) -> None:
        pieces = {max(_PARTS.split(word), key=len).encode() for word in words if word.isascii()}
        digits = sorted(number.encode() for number in numbers)
        self._words = BytesAhoCorasick([*sorted(pieces), _ESCAPE])
        self._digits = BytesAhoCorasick(digits) if digits else None

    def among(self, texts: pa.ChunkedArray) -> list[int]:
        """The numbers of the rows, ascending. Whatever is not ASCII is one of them."""
        found: set[int] = set()
        base = 0
        for chunk in texts.chunks:
            found.update(base + row for row in self._rows(chunk))
            base += len(chunk)
        return sorted(found)

    def _rows(self, texts: pa.Array) -> Iterator[int]:
        if texts.null_count == len(texts):
            return
        yield from pc.indices_nonzero(pc.invert(pc.string_is_ascii(texts))).to_pylist()
        yield from rows_with(self._words, pc.ascii_lower(texts))
        if self._digits is not None:
            yield from rows_with(self._digits, pc.replace_substring_regex(texts, _BETWEEN_DIGITS, ""))
