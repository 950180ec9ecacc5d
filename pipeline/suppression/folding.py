"""Texts without differences of case, Unicode form and blanks, so that one is found however it is written."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_BLANKS: Final = re.compile(r"\s+")
_UNEVEN: Final = re.compile(r"[\t\n\r\f\v\x1c-\x1f]|  ")


def fold(text: str) -> str:
    """The text in the form in which texts are compared: no capitals, accents apart, one blank for many."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return _BLANKS.sub(" ", text.lower())


def fold_with_origins(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its characters the position that it comes from.

    Letters with several accents may come out in another order of accents than `fold` gives them.
    """
    if text.isascii() and not _UNEVEN.search(text):
        return text.lower(), list(range(len(text)))
    folded: list[str] = []
    origins: list[int] = []
    for position, character in enumerate(text):
        for part in unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold()).lower():
            if not part.isspace():
                folded.append(part)
                origins.append(position)
            elif not folded or folded[-1] != " ":
                folded.append(" ")
                origins.append(position)
    return "".join(folded), origins
