"""How often people are mentioned in rows that stay: addresses, numbers, ids and full names (gdpr.md, section 5).

A documented best effort: a first name alone is no mention, and nothing is guessed.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from ahocorasick_rs import AhoCorasick

from pipeline.lake import exact_json
from pipeline.lake.tables import TABLES
from pipeline.privacy.people.contacts import phone_digits
from pipeline.privacy.people.lake_view import LakeView
from pipeline.suppression.subjects import Subject

LEAST_LENGTH: Final = 6
"""Shorter ids would be found everywhere."""

_PLAIN: Final = ("text", "display_name", "description")
_COLUMNS: Final = {
    "messages": ("text", "content", "activity", '"references"', "metadata", "quoted_message"),
    "conversations": ("display_name", "description", "metadata"),
}
_PHONE = re.compile(r"\+?\(?\d[\d ().\-/]{4,}\d")
_BLANKS = re.compile(r"\s+")


class Mentions:
    """Finds the subjects that a text mentions, by their numbers."""

    def __init__(self, subjects: Sequence[Subject]) -> None:
        owners: dict[str, set[int]] = defaultdict(set)
        self._phones: dict[str, set[int]] = defaultdict(set)
        for number, subject in enumerate(subjects):
            for needle in _needles(subject):
                owners[fold(needle)].add(number)
            for phone in subject.phones:
                self._phones[phone_digits(phone) or phone].add(number)
        self._needles = list(owners)
        self._owners = [owners[needle] for needle in self._needles]
        self._search = AhoCorasick(self._needles) if self._needles else None

    def in_text(self, text: str) -> set[int]:
        """Whom a text mentions."""
        found: set[int] = set()
        for match in _PHONE.finditer(text) if self._phones else ():
            found |= self._phones.get(phone_digits(match[0]) or "", set())
        if self._search is None:
            return found
        folded = fold(text)
        for index, start, end in self._search.find_matches_as_indexes(folded, overlapping=True):
            if _is_whole(folded, start, end):
                found |= self._owners[index]
        return found


def count_mentions(view: LakeView, subjects: Sequence[Subject]) -> Counter[int]:
    """By number of the subject, the surviving rows of messages and conversations that mention it.

    Needs the tables of `hits.find_hits`.
    """
    mentions = Mentions(subjects)
    counts: Counter[int] = Counter()
    for table, columns in _COLUMNS.items():
        stays = (
            "anti join doomed on doomed.file = messages.file and doomed.file_row = messages.file_row"
            if table == "messages"
            else "where conversation_id not in (select id from target where kind = 'conversation' and is_removed)"
        )
        for row in view.rows(f"select {', '.join(columns)} from {table} {stays}"):
            texts = (text for name, value in zip(columns, row, strict=True) if value for text in _texts(name, value))
            counts.update(set().union(*(mentions.in_text(text) for text in texts)))
    return counts


def mentioning_rows(view: LakeView, subjects: Sequence[Subject]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The rows that mention a subject, as table and key: all of them, once the subjects' own are gone."""
    mentions = Mentions(subjects)
    for table, columns in _COLUMNS.items():
        key = TABLES[table].key[0]
        for row_key, *values in view.rows(f"select {key}, {', '.join(columns)} from {table}"):
            texts = (text for name, value in zip(columns, values, strict=True) if value for text in _texts(name, value))
            if row_key is not None and any(mentions.in_text(text) for text in texts):
                yield table, (row_key,)


def fold(text: str) -> str:
    """The text without differences of case, Unicode form and blanks."""
    return _BLANKS.sub(" ", unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()))


def _needles(subject: Subject) -> Iterator[str]:
    yield from subject.emails
    for value in (*subject.client_external_ids, *(external_id for external_id, _ in subject.external_ids)):
        if len(value) >= LEAST_LENGTH:
            yield value
    for given, surname in subject.names:
        yield f"{given} {surname}"


def _is_whole(text: str, start: int, end: int) -> bool:
    """Whether no letter or digit goes on at either side."""
    return not (start and text[start - 1].isalnum()) and not (end < len(text) and text[end].isalnum())


def _texts(column: str, value: str) -> Iterator[str]:
    """The texts of a column; JSON as it stands where no escape hides anything."""
    if column in _PLAIN or "\\" not in value:
        yield value
    else:
        yield from _strings(exact_json.parse(value))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from _strings(member)
    elif isinstance(value, list):
        for member in value:
            yield from _strings(member)
