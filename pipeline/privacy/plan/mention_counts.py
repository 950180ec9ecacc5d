"""How often people are mentioned in rows that stay, and in which (gdpr.md, section 5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from pipeline.lake import exact_json
from pipeline.lake.tables import TABLES
from pipeline.privacy.people.lake_view import LakeView
from pipeline.suppression.mentions import Mentions
from pipeline.suppression.subjects import Subject

_PLAIN: Final = ("text", "display_name", "description")
_COLUMNS: Final = {
    "messages": ("text", "content", "activity", '"references"', "metadata", "quoted_message"),
    "conversations": ("display_name", "description", "metadata"),
}


def count_mentions(view: LakeView, subjects: Sequence[Subject]) -> Counter[int]:
    """By number of the subject, the surviving rows of messages and conversations that mention it.

    Needs the tables of `hits.find_hits`.
    """
    mentions = Mentions(subjects, user_ids=False)
    counts: Counter[int] = Counter()
    for table, columns in _COLUMNS.items():
        stays = (
            "anti join doomed on doomed.file = messages.file and doomed.file_row = messages.file_row"
            if table == "messages"
            else "where conversation_id not in (select id from target where kind = 'conversation' and is_removed)"
        )
        for row in view.rows(f"select {', '.join(columns)} from {table} {stays}"):
            texts = (text for name, value in zip(columns, row, strict=True) if value for text in _texts(name, value))
            counts.update(set().union(*(mentions.of(text) for text in texts)))
    return counts


def mentioning_rows(view: LakeView, subjects: Sequence[Subject]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The rows that mention a subject, as table and key: all of them, once the subjects' own are gone."""
    mentions = Mentions(subjects, user_ids=False)
    for table, columns in _COLUMNS.items():
        key = TABLES[table].key[0]
        for row_key, *values in view.rows(f"select {key}, {', '.join(columns)} from {table}"):
            texts = (text for name, value in zip(columns, values, strict=True) if value for text in _texts(name, value))
            if row_key is not None and any(mentions.of(text) for text in texts):
                yield table, (row_key,)


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
