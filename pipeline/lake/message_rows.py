"""The fast path of the codec: whole answers of ListMessages become rows of `messages`, column by column.

Pages that `message_page.py` refuses go through `rows.encode` instead, each by itself. Both ways give equal tables.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import accumulate, chain, repeat
from typing import NamedTuple

import msgspec
import pyarrow as pa

from pipeline.lake import exact_json, rows, values
from pipeline.lake.exact_json import Overlay
from pipeline.lake.message_page import (
    COLUMNS,
    MESSAGES,
    RECEIVED,
    Cells,
    MessagePage,
    Path,
    cells_of,
    month_of,
    read_cells,
    together,
)
from pipeline.lake.message_page import Column as CellsOfColumn
from pipeline.lake.months import split_by_month
from pipeline.lake.schema import Column, Kind
from pipeline.lake.secrets import Dropped

__all__ = ["MessagePage", "encode_messages", "encode_messages_by_month", "encode_pages"]

# Answers that become one table. Every call of Arrow has its price, whatever it is given; with many more answers, their
# strings outgrow the processor's cache. All of them together stay below the 2 GiB that a column may hold.
PAGES_PER_TABLE = 10

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def encode_messages(page: MessagePage, *, run_id: str, dropped: Dropped | None = None) -> pa.Table:
    """The rows of the messages in one answer of ListMessages, in its order.

    Args:
        page: the answer.
        run_id: the run that writes them.
        dropped: where the names of left out fields are noted.

    Raises:
        RowError: the answer holds no list of messages, or one of them has no `id`.
    """
    found = read_cells(page.body)
    table = None if found is None else _to_table(found, _owners([page], [len(found.columns[0])]), run_id)
    return _encode_slowly(page, run_id, Dropped() if dropped is None else dropped) if table is None else table


def encode_messages_by_month(
    page: MessagePage, *, run_id: str, dropped: Dropped | None = None
) -> list[tuple[str, pa.Table]]:
    """As `encode_messages`, parted by month of `received_at` (`YYYY-MM`, or `unknown`)."""
    return list(encode_pages([page], run_id=run_id, dropped=dropped))


def encode_pages(
    pages: Iterable[MessagePage], *, run_id: str, dropped: Dropped | None = None
) -> Iterator[tuple[str, pa.Table]]:
    """The rows of many answers, parted by month; a month may come more than once.

    Cheaper than parting afterwards: a page of one month, which most are, is never looked through.

    Raises:
        RowError: as `encode_messages`.
    """
    noted = Dropped() if dropped is None else dropped
    waiting: dict[tuple[str, bool], list[_Read]] = defaultdict(list)
    for page in pages:
        read = _read(page)
        month = None if read is None else month_of(read.moments)
        if read is None or month is None:
            yield from split_by_month(MESSAGES, encode_messages(page, run_id=run_id, dropped=noted))
            continue
        key = month, read.cells is None
        waiting[key].append(read)
        if len(waiting[key]) >= PAGES_PER_TABLE:
            yield from _encode_together(month, waiting.pop(key), run_id, noted)
    for (month, _), found in waiting.items():
        yield from _encode_together(month, found, run_id, noted)


class _Read(NamedTuple):
    """A page that the walk has read, or one with nulls and its cells."""

    page: MessagePage
    moments: Sequence[str | None]
    cells: Cells | None = None


def _read(page: MessagePage) -> _Read | None:
    if page.messages is not None:
        return _Read(page, [message.received for message in page.messages])
    cells = read_cells(page.body)
    return None if cells is None else _Read(page, cells.columns[RECEIVED], cells)


def _encode_together(
    month: str, found: Sequence[_Read], run_id: str, dropped: Dropped
) -> Iterator[tuple[str, pa.Table]]:
    """The rows of answers whose messages lie in one month, all of them read by the same one."""
    pages = [read.page for read in found]
    with_nulls = [read.cells for read in found if read.cells is not None]
    cells = together(with_nulls) if with_nulls else cells_of([one for page in pages for one in page.messages or ()])
    table = None if cells is None else _to_table(cells, _owners(pages, [len(read.moments) for read in found]), run_id)
    if table is not None:
        yield month, table
        return
    for page in pages:
        yield from split_by_month(MESSAGES, encode_messages(page, run_id=run_id, dropped=dropped))


def _owners(pages: Sequence[MessagePage], counts: Sequence[int]) -> list[pa.Array]:
    """The columns conversation_id and exported_at."""
    ids = chain.from_iterable(map(repeat, (page.conversation_id for page in pages), counts))
    moments = chain.from_iterable(map(repeat, (_epoch_ms(page.exported_at) for page in pages), counts))
    return [pa.array(ids, pa.string()), pa.array(moments, Kind.MOMENT.arrow_type)]


def _to_table(found: Cells, owners: list[pa.Array], run_id: str) -> pa.Table | None:
    """The rows of messages; None if Arrow minds a moment, such as one in month 13."""
    count = len(found.columns[0])
    try:
        arrays = {column.name: _to_array(column, cells) for column, cells in zip(COLUMNS, found.columns, strict=True)}
    except pa.ArrowInvalid:
        return None
    arrays["conversation_id"], arrays["exported_at"] = owners
    arrays["extra"] = _to_extra(found.nulls, count)
    arrays["run_id"] = pa.repeat(run_id, count)
    return pa.Table.from_arrays([arrays[column.name] for column in MESSAGES.columns], schema=MESSAGES.schema)


def _to_array(column: Column, cells: CellsOfColumn) -> pa.Array:
    if column.kind is Kind.JSON:
        return _to_json_array(cells)
    if cells.count(None) == len(cells):
        return pa.nulls(len(cells), column.kind.arrow_type)
    if column.kind is Kind.MOMENT:
        return pa.array(cells, pa.string()).cast(column.kind.arrow_type)
    return pa.array(cells, column.kind.arrow_type)


def _to_json_array(cells: Sequence[msgspec.Raw]) -> pa.Array:
    """The slices one behind the other, as Arrow keeps strings, without an object for each; an empty one is null."""
    lengths = list(map(len, cells))
    absent = lengths.count(0)
    if absent == len(cells):
        return pa.nulls(len(cells), pa.string())
    ends = pa.py_buffer(array("i", accumulate(lengths, initial=0)))
    present = pa.array(map(bool, lengths), pa.bool_()).buffers()[1] if absent else None
    return pa.StringArray.from_buffers(len(cells), ends, pa.py_buffer(b"".join(cells)), present, absent)


def _to_extra(nulls: Mapping[int, Sequence[Path]], count: int) -> pa.Array:
    """What columns can't say of these messages: explicit nulls."""
    if not nulls:
        return pa.nulls(count, pa.string())
    return pa.array([_null_overlay(tuple(nulls[row])) if row in nulls else None for row in range(count)], pa.string())


@cache
def _null_overlay(paths: tuple[Path, ...]) -> bytes:
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
