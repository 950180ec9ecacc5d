"""The fast path of the codec: whole answers of ListMessages become rows of `messages`, column by column.

Pages that `message_page.py` refuses go through `rows.encode` instead, each by itself. Both ways give equal tables.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TypeAlias

import pyarrow as pa
from msgspec import UNSET

from pipeline.lake import exact_json, rows, values
from pipeline.lake.exact_json import Overlay
from pipeline.lake.message_page import COLUMNS, MESSAGES, Cells, MessagePage, month_of, read_cells
from pipeline.lake.months import split_by_month
from pipeline.lake.schema import Column, Kind, Origin
from pipeline.lake.secrets import Dropped

__all__ = ["MessagePage", "encode_messages", "encode_messages_by_month"]

Nulls: TypeAlias = "dict[int, list[tuple[str, ...]]]"
"""Row numbers with the paths of their explicit nulls."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def encode_messages(page: MessagePage, *, run_id: str, dropped: Dropped | None = None) -> pa.Table:
    """The rows of the messages in one answer of ListMessages, in its order.

    Several answers at once would take longer, since their strings outgrow the processor's cache.

    Args:
        page: the answer.
        run_id: the run that writes them.
        dropped: where the names of left out fields are noted.

    Raises:
        RowError: the answer holds no list of messages, or one of them has no `id`.
    """
    return _encode(page, run_id, dropped)[0]


def encode_messages_by_month(
    page: MessagePage, *, run_id: str, dropped: Dropped | None = None
) -> list[tuple[str, pa.Table]]:
    """As `encode_messages`, parted by month of `received_at` (`YYYY-MM`, or `unknown`).

    Cheaper than parting afterwards: a page of one month, which most are, is never looked through.
    """
    table, month = _encode(page, run_id, dropped)
    return split_by_month(MESSAGES, table) if month is None else [(month, table)]


def _encode(page: MessagePage, run_id: str, dropped: Dropped | None) -> tuple[pa.Table, str | None]:
    """The rows of a page, and the month of them all if that is known already."""
    cells = read_cells(page.body)
    if cells == []:
        return MESSAGES.schema.empty_table(), None
    if cells is not None:
        try:
            return _to_table(page, cells, run_id), month_of(cells)
        except pa.ArrowInvalid:  # a moment like month 13, or bytes that are not UTF-8
            pass
    return _encode_slowly(page, run_id, Dropped() if dropped is None else dropped), None


def _to_table(page: MessagePage, cells: list[Cells], run_id: str) -> pa.Table:
    count = len(cells[0])
    nulls: Nulls = {}
    arrays = {column.name: _to_array(column, part, nulls) for column, part in zip(COLUMNS, cells, strict=True)}
    exported_at = pa.scalar(_epoch_ms(page.exported_at), Kind.MOMENT.arrow_type)
    arrays["conversation_id"] = pa.repeat(page.conversation_id, count)
    arrays["extra"] = _to_extra(nulls, count)
    arrays["exported_at"] = pa.repeat(exported_at, count)
    arrays["run_id"] = pa.repeat(run_id, count)
    return pa.Table.from_arrays([arrays[column.name] for column in MESSAGES.columns], schema=MESSAGES.schema)


def _to_array(column: Column, cells: Cells, nulls: Nulls) -> pa.Array:
    """The Arrow column of cells; the rows of explicit nulls are noted in `nulls` with the path of the field."""
    if column.kind is Kind.JSON:
        return _to_json_array(column, cells, nulls)
    target = pa.string() if column.kind is Kind.MOMENT else column.kind.arrow_type
    if cells[0] is UNSET and cells.count(UNSET) == len(cells):
        return pa.nulls(len(cells), column.kind.arrow_type)
    try:
        array = pa.array(cells, target)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # UNSET among them
        array = pa.array([None if cell is UNSET else cell for cell in cells], target)
    if array.null_count and column.origin is Origin.FIELD:
        _note_nulls(column, cells, None, nulls)
    return array.cast(column.kind.arrow_type) if column.kind is Kind.MOMENT else array


def _to_json_array(column: Column, cells: Cells, nulls: Nulls) -> pa.Array:
    if not any(cells):
        return pa.nulls(len(cells), pa.string())
    explicit = b"null" in cells
    if explicit:
        _note_nulls(column, cells, b"null", nulls)
    if explicit or b"" in cells:
        cells = [None if cell in (b"", b"null") else cell for cell in cells]
    return pa.array(cells, pa.string())


def _note_nulls(column: Column, cells: Cells, null: bytes | None, nulls: Nulls) -> None:
    path = column.paths[0]
    for row, cell in enumerate(cells):
        if cell == null:
            nulls.setdefault(row, []).append(path)


def _to_extra(nulls: Nulls, count: int) -> pa.Array:
    if not nulls:
        return pa.nulls(count, pa.string())
    return pa.array([_null_overlay(tuple(nulls[row])) if row in nulls else None for row in range(count)], pa.string())


@cache
def _null_overlay(paths: tuple[tuple[str, ...], ...]) -> bytes:
    """The `extra` of a message with nothing but explicit nulls at these paths, as `rows.encode` writes it."""
    overlay: Overlay = {}
    for *above, key in paths:
        target = overlay
        for name in above:
            inner = target.setdefault(name, {})
            assert isinstance(inner, dict)
            target = inner
        target[key] = b"null"
    return exact_json.render(overlay)


def _epoch_ms(moment: datetime) -> int:
    return (values.cut(moment) - _EPOCH) // timedelta(milliseconds=1)


def _encode_slowly(page: MessagePage, run_id: str, dropped: Dropped) -> pa.Table:
    try:
        objects = exact_json.elements(exact_json.split(page.body)["messages"])
    except (ValueError, KeyError, RecursionError) as error:
        raise rows.RowError(
            "messages: an answer holds no list of messages. Run the export again; if it happens again, the API "
            "contradicts its specification: report it"
        ) from error
    return rows.encode(
        MESSAGES,
        objects,
        parents={"conversation_id": page.conversation_id},
        exported_at=page.exported_at,
        run_id=run_id,
        dropped=dropped,
    )
