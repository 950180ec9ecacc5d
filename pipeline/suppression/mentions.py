"""Mentions of a person in other people's words: addresses, numbers, ids and full names; documented best effort.

A first name alone is no mention, and nothing is guessed (gdpr.md, section 5). Plans count by this rule, and what is
redacted is redacted by it. What stands beside a mention is judged as the verification scan does, or else one would
leave what the other reports.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Final, Protocol, TypeAlias
from urllib.parse import quote, quote_plus

import pyarrow as pa
from ahocorasick_rs import AhoCorasick

from pipeline.suppression.folding import fold, fold_with_origins
from pipeline.suppression.mention_suspects import Suspects
from pipeline.suppression.subjects import Subject

REDACTED: Final = "[erased]"
LEAST_LENGTH: Final = 6
"""Shorter addresses and ids would be found everywhere."""

LEAST_DIGITS: Final = 7
MOST_DIGITS: Final = 20
_PASSES: Final = 10

Span: TypeAlias = tuple[int, int]
"""Where a mention begins and ends in a text."""

_EDGES: Final = re.compile(r"^[\W_]+|[\W_]+$")
_ALNUM: Final = frozenset("0123456789abcdefghijklmnopqrstuvwxyz")
_IN_ADDRESS: Final = frozenset("._+-")
_NUMBER: Final = re.compile(r"\d(?:[\s().\-/]{0,3}\d)*")
_DIGITS: Final = re.compile(r"\d+")


class Redacts(Protocol):
    """Takes mentions out of texts."""

    def redact(self, text: str) -> str:
        """The text with every mention replaced."""


class Mentions:
    """Finds the subjects that a text mentions, by their numbers.

    Args:
        subjects: who is looked for.
        user_ids: whether the ids of users count, which stand beside whatever is theirs.
        shared: addresses, numbers and names that others have as well: they tell of somebody else, too.
    """

    def __init__(
        self, subjects: Iterable[Subject], *, user_ids: bool = True, shared: Collection[str] = frozenset()
    ) -> None:
        owners: dict[str, set[int]] = defaultdict(set)
        self._numbers: dict[str, set[int]] = defaultdict(set)
        for place, subject in enumerate(subjects):
            for words in words_of(subject, user_ids=user_ids, shared=shared):
                owners[words].add(place)
            for digits in numbers_of(subject, shared=shared):
                self._numbers[digits].add(place)
        self._owners = list(owners.values())
        self._search = AhoCorasick(list(owners)) if owners else None
        self._suspects = Suspects(owners, self._numbers)

    def suspects(self, texts: pa.ChunkedArray) -> list[int]:
        """The rows of a column that may hold a mention; none that does is left out."""
        return self._suspects.among(texts)

    def of(self, text: str) -> set[int]:
        """Whom a text mentions."""
        return set().union(*(owners for _, owners in self._found(fold(text))))

    def redact(self, text: str) -> str:
        """As `Redacts.redact`; what stands between keeps its characters."""
        return redacted(text, lambda folded: (span for span, _ in self._found(folded)))

    def _found(self, folded: str) -> Iterator[tuple[Span, set[int]]]:
        if self._search is not None:
            for index, start, end in self._search.find_matches_as_indexes(folded, overlapping=True):
                if stands_alone(folded, start, end):
                    yield (start, end), self._owners[index]
        if self._numbers:
            for span, digits in number_spans(folded):
                if digits in self._numbers:
                    yield span, self._numbers[digits]


def redacted(text: str, find: Callable[[str], Iterable[Span]]) -> str:
    """The text without what `find` finds in its folded form; what is redacted once is not changed by a second time."""
    for _ in range(_PASSES):
        # What stood close to a mention may stand alone when it is gone, and be one then.
        before, text = text, _redacted_once(text, find)
        if text == before:
            break
    return text


def stands_alone(folded: str, start: int, end: int) -> bool:
    """Whether what stands beside lets it be a whole value: "ann@x.org" is not in "joe.ann@x.org"."""
    if end < len(folded) and folded[end] in _ALNUM:
        return False
    before = folded[start - 1] if start else ""
    if before in _IN_ADDRESS and "@" in folded[start:end]:
        return start < 2 or folded[start - 2] not in _ALNUM
    return before not in _ALNUM


def words_of(subject: Subject, *, user_ids: bool = True, shared: Collection[str] = frozenset()) -> Iterator[str]:
    """What a subject is called, folded, from its first letter or digit to its last; between words it stands alone.

    Also as it stands in addresses of the web and in HTML.
    """
    values = {*subject.emails, *subject.client_external_ids, *(value for value, _ in subject.external_ids)}
    for value in (values | (subject.user_ids if user_ids else frozenset())).difference(shared):
        if len(value) >= LEAST_LENGTH and len(_core(value)) >= LEAST_LENGTH:
            yield from _written(value)
    for name in {f"{given} {surname}" for given, surname in subject.names}.difference(shared):
        if _core(name):
            yield from (form + genitive for form in _written(name) for genitive in ("", "s"))


def numbers_of(subject: Subject, *, shared: Collection[str] = frozenset()) -> Iterator[str]:
    """The digits of a subject's phone numbers."""
    for phone in subject.phones.difference(shared):
        digits = "".join(character for character in phone if character.isascii() and character.isdigit())
        if LEAST_DIGITS <= len(digits) <= MOST_DIGITS:
            yield digits


def number_spans(folded: str) -> Iterator[tuple[Span, str]]:
    """All that may be a phone number in a folded text, in whatever groups its digits are written, with its digits."""
    for run in _NUMBER.finditer(folded):
        if len(run[0]) < LEAST_DIGITS:
            continue
        groups: Sequence[re.Match[str]] = list(_DIGITS.finditer(folded, run.start(), run.end()))
        for number, first in enumerate(groups):
            digits = ""
            for group in groups[number:]:
                digits += group[0]
                if len(digits) > MOST_DIGITS:
                    break
                if len(digits) >= LEAST_DIGITS:
                    yield (_with_prefix(folded, first.start()), group.end()), digits


def _redacted_once(text: str, find: Callable[[str], Iterable[Span]]) -> str:
    if next(iter(find(fold(text))), None) is None:
        return text
    folded, origins = fold_with_origins(text)
    spans = list(_merged(sorted(find(folded))))
    if not spans:
        return REDACTED  # something is there, and accents in disorder don't let it be told where
    parts, last = [], 0
    for start, end in spans:
        parts.append(text[last : origins[start]])
        last = origins[end - 1] + 1
        # Accents that follow belong to the last letter.
        while last < len(text) and unicodedata.combining(text[last]):
            last += 1
    return REDACTED.join([*parts, text[last:]])


def _written(value: str) -> Iterator[str]:
    for form in (value, quote(value, safe=""), quote_plus(value), html.escape(value)):
        if (words := _core(form)) not in REDACTED:
            yield words


def _core(value: str) -> str:
    return _EDGES.sub("", fold(value))


def _with_prefix(folded: str, start: int) -> int:
    """Where a number begins with what may stand before its digits."""
    for sign in "(+":
        if start and folded[start - 1] == sign:
            start -= 1
    return start


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    """The spans, those that overlap as one."""
    begin, last = -1, -1
    for start, end in spans:
        if start < last:
            last = max(last, end)
            continue
        if last >= 0:
            yield begin, last
        begin, last = start, end
    if last >= 0:
        yield begin, last
