"""Mentions of the erased are taken out of the words of others, wherever these stand (gdpr.md, section 5)."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.lake.schema import Kind as ColumnKind
from pipeline.lake.tables import Table
from pipeline.suppression.inside import ERASED, map_texts
from pipeline.suppression.matcher import OF_OTHERS, Matcher
from pipeline.suppression.mentions import Redacts
from pipeline.suppression.registry import mentions_in, place_columns
from pipeline.suppression.row_changes import Changes


def redact_mentions(table: Table, changes: Changes, matcher: Matcher, mentions: Redacts) -> None:
    """Take mentions out of all texts of a table's rows that stand where somebody was mentioned."""
    numbers = _of_others(table, changes.rows, matcher)
    if not numbers:
        return
    for column in (column for column, is_redacted in mentions_in(table.name) if is_redacted):
        values: dict[int, str | None] = {}
        texts = changes.rows[column.name].take(pa.array(numbers, pa.int64())).to_pylist()
        for number, text in zip(numbers, texts, strict=True):
            if text is not None and (new := _without_mentions(text, column.kind, mentions)) != text:
                values[number] = new
        changes.put(column.name, values)


def _of_others(table: Table, rows: pa.Table, matcher: Matcher) -> list[int]:
    """The rows in which somebody else may be mentioned."""
    found: set[int] = set()
    for kind in OF_OTHERS:
        for name in place_columns(table.name) if matcher.any_of(kind) else ():
            found.update(pc.indices_nonzero(matcher.has(kind, rows[name])).to_pylist())
    return sorted(found)


def _without_mentions(text: str, kind: ColumnKind, mentions: Redacts) -> str:
    redacted = mentions.redact(text)
    # Where nothing is escaped, JSON says what its texts say.
    if kind is not ColumnKind.JSON or (redacted == text and "\\" not in text):
        return redacted
    try:
        return map_texts(text.encode(), mentions.redact).decode()
    except (ValueError, RecursionError):
        return ERASED.decode()  # what can't be looked into can't stay
