"""Parquet, decoded: the values of all columns, the statistics of the footer, the key-value metadata.

The bytes of a compressed file tell next to nothing: a search in them found 3 of 25 rows (gdpr.md, section 8).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.privacy.scan.allowed import Allowed, Origin
from pipeline.privacy.scan.arrow_values import find_in_array
from pipeline.privacy.scan.findings import FileFindings, Place
from pipeline.privacy.scan.search import Search
from pipeline.privacy.scan.unreadable import Reason, UnreadableError

BATCH_BYTES: Final = 32 << 20
"""Decoded bytes that are aimed at for a batch of rows; what bounds the memory."""

_MOST_ROWS: Final = 65_536
_FEW_BYTES_PER_VALUE: Final = 4  # of a column chunk before compression: its values must be in a dictionary
_PAGE_BYTES: Final = 1 << 20
_APP: Final = re.compile(r"app_id=([^/]+)/")


def scan_parquet(path: Path, search: Search, found: FileFindings, *, shown: str, allowed: Allowed) -> int:
    """Search a Parquet file.

    Args:
        path: the file.
        search: the needles.
        found: takes the findings.
        shown: the path as in the lake, which names the app of the rows.
        allowed: rows that may stay.

    Returns:
        The decoded bytes.

    Raises:
        UnreadableError: it is damaged or encrypted.
    """
    try:
        with pq.ParquetFile(path, memory_map=False, pre_buffer=False, buffer_size=_PAGE_BYTES) as file:
            metadata = file.metadata
            origin = Origin(table=_table_of(metadata), app_id=_app_of(shown))
            repeated = _repeated_columns(metadata)
        with pq.ParquetFile(
            path, memory_map=False, pre_buffer=False, buffer_size=_PAGE_BYTES, read_dictionary=repeated
        ) as file:
            read = sum(_scan_batch(batch, search, found, origin, allowed) for batch in _batches(file))
        _scan_footer(metadata, search, found)
    except pa.ArrowException:
        raise UnreadableError(Reason.DAMAGED) from None
    return read


def _scan_batch(batch: pa.RecordBatch, search: Search, found: FileFindings, origin: Origin, allowed: Allowed) -> int:
    scan_batch(batch, search, found, Place.PARQUET_VALUES, may_stay=lambda row: allowed.has(batch, row, origin))
    return int(batch.nbytes)


def scan_batch(
    batch: pa.RecordBatch,
    search: Search,
    found: FileFindings,
    place: Place,
    *,
    may_stay: Callable[[int], bool],
) -> None:
    """Search the columns of a batch of rows; `may_stay` is asked only about rows with a match."""
    for column in batch.columns:
        for each in find_in_array(column, search):
            row = each.row
            found.value(place, each.match, lambda row=row: row is not None and may_stay(row))  # type: ignore[misc]


def _batches(file: Any) -> Iterator[pa.RecordBatch]:
    for number in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(number)
        bytes_per_row = max(group.total_byte_size // max(group.num_rows, 1), 1)
        rows = max(min(BATCH_BYTES // bytes_per_row, _MOST_ROWS), 1)
        yield from file.iter_batches(batch_size=rows, row_groups=[number])


def _scan_footer(metadata: Any, search: Search, found: FileFindings) -> None:
    for key, value in (metadata.metadata or {}).items():
        for text in (key, value):
            for match in search.find(text):
                found.text(Place.PARQUET_METADATA, match)
    for group in range(metadata.num_row_groups):
        for column in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(column)
            statistics = chunk.statistics
            if statistics is None or not statistics.has_min_max or "BYTE_ARRAY" not in chunk.physical_type:
                continue
            for raw in (statistics.min_raw, statistics.max_raw):
                for match in search.find(raw if isinstance(raw, bytes) else str(raw).encode()):
                    found.statistic(match)


def _repeated_columns(metadata: Any) -> list[str]:
    """Columns of few distinct values, which are searched in their dictionary rather than row by row."""
    names = []
    for column in range(metadata.num_columns):
        chunks = [metadata.row_group(group).column(column) for group in range(metadata.num_row_groups)]
        values = sum(chunk.num_values for chunk in chunks)
        small = sum(chunk.total_uncompressed_size for chunk in chunks) < values * _FEW_BYTES_PER_VALUE
        if chunks and small and chunks[0].physical_type == "BYTE_ARRAY" and "." not in chunks[0].path_in_schema:
            names.append(chunks[0].path_in_schema)
    return names


def _table_of(metadata: Any) -> str | None:
    name = (metadata.metadata or {}).get(b"sunlake.table")
    return None if name is None else name.decode("utf-8", "replace")


def _app_of(shown: str) -> str | None:
    found = _APP.search(shown)
    return found[1] if found else None
