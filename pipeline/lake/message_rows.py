"""The fast path of the codec: whole answers of ListMessages become rows of `messages`, column by column.

Pages that `message_page.py` refuses go through `rows.encode` instead, each by itself. Both ways give equal tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain
from typing import Any, TypeAlias

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

ReadPage: TypeAlias = tuple[MessagePage, list[Cells]]

_BATCH_PAGES = 8  # more strings than the processor's cache holds make the columns slower (by half at 200)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def encode_messages(pages: Iterable[MessagePage], *, run_id: str, dropped: Dropped | None = None) -> pa.Table:
    """The rows of all messages in some answers of ListMessages; those of a page stay together, pages may change places.

    Args:
        pages: the answers.
        run_id: the run that writes them.
        dropped: where the names of left out fields are noted.

    Raises:
        RowError: an answer holds no list of messages, or one of them has no `id`.
    """
    noted = Dropped() if dropped is None else dropped
    return pa.concat_tables([MESSAGES.schema.empty_table(), *_encode_batches(pages, run_id, noted, by_month=False)])


def encode_messages_by_month(
    pages: Iterable[MessagePage], *, run_id: str, dropped: Dropped | None = None
) -> dict[str, pa.Table]:
    """As `encode_messages`, parted by month of `received_at` (`YYYY-MM`, or `unknown`).

    Cheaper than parting afterwards: pages of one month, which most are, are never filtered.
    """
    noted = Dropped() if dropped is None else dropped
    parts: dict[str, list[pa.Table]] = {}
    for table in _encode_batches(pages, run_id, noted, by_month=True):
        for month, part in split_by_month(MESSAGES, table):
            parts.setdefault(month, []).append(part)
    return {month: pa.concat_tables(parts[month]) for month in sorted(parts)}


def _encode_batches(
    pages: Iterable[MessagePage], run_id: str, dropped: Dropped, *, by_month: bool
) -> Iterator[pa.Table]:
    batches: dict[str | None, list[ReadPage]] = {}
    for page in pages:
        cells = read_cells(page.body)
        if cells is None:
            yield _encode_slowly(page, run_id, dropped)
        elif cells:
            month = month_of(cells) if by_month else None
            batch = batches.setdefault(month, [])
            batch.append((page, cells))
            if len(batch) == _BATCH_PAGES:
                yield from _encode_read(batches.pop(month), run_id, dropped)
    for batch in batches.values():
        yield from _encode_read(batch, run_id, dropped)


def _encode_read(batch: list[ReadPage], run_id: str, dropped: Dropped) -> Iterator[pa.Table]:
    """The tables of pages that were read strictly; a page that Arrow refuses goes the slow way."""
    try:
        yield _to_table(batch, run_id)
    except pa.ArrowInvalid:  # a moment like month 13, or bytes that are not UTF-8
        if len(batch) == 1:
            yield _encode_slowly(batch[0][0], run_id, dropped)
        else:
            for one in batch:
                yield from _encode_read([one], run_id, dropped)


def _to_table(batch: list[ReadPage], run_id: str) -> pa.Table:
    pages = [page for page, _ in batch]
    lengths = [len(cells[0]) for _, cells in batch]
    count = sum(lengths)
    nulls: Nulls = {}
    arrays = {
        column.name: _to_array(column, list(chain.from_iterable(parts)), nulls)
        for column, parts in zip(COLUMNS, zip(*(cells for _, cells in batch), strict=True), strict=True)
    }
    arrays["conversation_id"] = _repeat([page.conversation_id for page in pages], lengths, pa.string())
    arrays["extra"] = _to_extra(nulls, count)
    arrays["exported_at"] = _repeat([_epoch_ms(page.exported_at) for page in pages], lengths, Kind.MOMENT.arrow_type)
    arrays["run_id"] = pa.repeat(run_id, count)
    return pa.Table.from_arrays([arrays[column.name] for column in MESSAGES.columns], schema=MESSAGES.schema)


def _to_array(column: Column, cells: list[Any], nulls: Nulls) -> pa.Array:
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


def _to_json_array(column: Column, cells: list[Any], nulls: Nulls) -> pa.Array:
    if not any(cells):
        return pa.nulls(len(cells), pa.string())
    explicit = b"null" in cells
    if explicit:
        _note_nulls(column, cells, b"null", nulls)
    if explicit or b"" in cells:
        cells = [None if cell in (b"", b"null") else cell for cell in cells]
    return pa.array(cells, pa.string())


def _note_nulls(column: Column, cells: list[Any], null: bytes | None, nulls: Nulls) -> None:
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


def _repeat(cells: Sequence[str | int], lengths: Sequence[int], kind: pa.DataType) -> pa.Array:
    return pa.array([cell for cell, length in zip(cells, lengths, strict=True) for _ in range(length)], kind)


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
