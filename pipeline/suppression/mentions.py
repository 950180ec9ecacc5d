"""Mentions of a person in other people's words: addresses, numbers, ids and full names; documented best effort.

A first name alone is never redacted, and nothing is guessed (gdpr.md, section 5).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise

from pipeline.suppression.subjects import Subject

REDACTED = "[erased]"
LEAST_EXTERNAL_ID = 6
_BETWEEN_DIGITS = r"[\s().\-/]{0,3}"


class Mentions:
    """Finds mentions of subjects, whatever the case and the Unicode form they are written in."""

    def __init__(self, subjects: Iterable[Subject]) -> None:
        patterns = sorted({pattern for subject in subjects for pattern in _patterns(subject)}, key=len, reverse=True)
        self._pattern = re.compile("|".join(patterns)) if patterns else None

    def redact(self, text: str) -> str:
        """The text with every mention replaced; what stands between keeps its characters."""
        spans = list(self._spans(text))
        if not spans:
            return text
        bounds = [0, *(bound for span in spans for bound in span), len(text)]
        return REDACTED.join(text[start:end] for start, end in list(pairwise(bounds))[::2])

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        if self._pattern is None:
            return
        folded, origins = _fold_with_origins(text)
        for match in self._pattern.finditer(folded):
            start, end = origins[match.start()], origins[match.end() - 1] + 1
            # Accents that follow belong to the last letter.
            while end < len(text) and unicodedata.combining(text[end]):
                end += 1
            yield start, end


def _patterns(subject: Subject) -> Iterator[str]:
    for value in (*subject.emails, *subject.user_ids, *subject.client_external_ids):
        if len(value) >= LEAST_EXTERNAL_ID:
            yield _whole(re.escape(_fold(value)))
    for value, _brand in subject.external_ids:
        if len(value) >= LEAST_EXTERNAL_ID:
            yield _whole(re.escape(_fold(value)))
    for phone in subject.phones:
        digits = "".join(character for character in phone if character.isascii() and character.isdigit())
        if len(digits) >= 7:
            yield rf"(?<!\d)\+?\(?{_BETWEEN_DIGITS.join(digits)}(?!\d)"
    for given, surname in subject.names:
        yield _whole(rf"{_spaced(given)}\s+{_spaced(surname)}")


def _whole(pattern: str) -> str:
    """The pattern where no letter or digit goes on at either side."""
    return rf"(?<!\w){pattern}(?!\w)"


def _spaced(name: str) -> str:
    return r"\s+".join(re.escape(part) for part in _fold(name).split())


def _fold(text: str) -> str:
    """The text without differences of case and Unicode form."""
    return _fold_with_origins(text)[0]


def _fold_with_origins(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its characters the position that it comes from."""
    if text.isascii():
        return text.lower(), list(range(len(text)))
    folded: list[str] = []
    origins: list[int] = []
    for position, character in enumerate(text):
        for part in unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold()):
            folded.append(part)
            origins.append(position)
    return "".join(folded), origins
