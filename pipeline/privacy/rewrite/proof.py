"""Proof that a rewritten file holds just what it should: every other row of the old one, to the last value, in order.

A row group that was encoded anew is decoded again and held against the old rows; then its bytes in the file are held
against those that were decoded. A row group of which nothing was taken has the very bytes that it had.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import LakeError
from pipeline.lake.corruption import corruption
from pipeline.privacy.rewrite.footer import MAGIC
from pipeline.suppression.redact import Redacted

READ_BYTES = 1 << 20
MOST_SLICES = 100  # of a row group; to compare more of them costs more than to copy the rows
LENGTH_BYTES = 4  # of the footer's length, behind the footer


@dataclass(frozen=True, slots=True)
class Proven:
    """A row group that was encoded anew and is what it should be: what its footer says of it, and its bytes' hash."""

    rows: int
    facts: tuple[Any, ...] = field(repr=False)
    digest: bytes = field(repr=False)


class Proof:
    """Proves row groups, and then the files that they are in. Its readers have no part in the writing of files."""

    def __init__(self) -> None:
        self._duck = duckdb.connect(config={"threads": 1})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._duck.close()

    def of_rows(self, file: Path, before: pa.Table, result: Redacted, encoded: pa.Buffer) -> Proven:
        """Decode rows again and compare them: those that stay with the old ones, the others with what they became.

        Args:
            file: whose rows they are, for the message.
            before: the rows of a row group as they were read.
            result: what should be left of them.
            encoded: a Parquet file with one row group that holds just that.

        Raises:
            LakeError: it does not. The message says in what it differs, and nothing of a row.
        """
        with pq.ParquetFile(pa.BufferReader(encoded), page_checksum_verification=True) as parquet:
            if not parquet.schema_arrow.equals(before.schema, check_metadata=True):
                raise _unproven("schema", file)
            found = parquet.read()
            group = parquet.metadata.row_group(0)
        if found.num_rows != before.num_rows - result.removed:
            raise _unproven("number of rows", file)
        same = _less(found, result.touched).equals(_less(_less(before, result.gone), result.touched))
        if not same or (result.touched and not found.equals(result.rows)):
            raise _unproven("content", file)
        return Proven(found.num_rows, _facts(group), _digest(group, pa.BufferReader(encoded)))

    def of_file(self, before: Path, after: Path, anew: Mapping[int, Proven | None]) -> None:
        """Compare a file with the one that takes its place.

        Args:
            before: the old file.
            after: the new one.
            anew: what takes the place of row groups of the old file, by their numbers; None for those that are gone.

        Raises:
            LakeError: it differs, as in `of_rows`.
        """
        with pq.ParquetFile(before) as old, pq.ParquetFile(after) as new:
            same = old.schema.equals(new.schema) and old.metadata.metadata == new.metadata.metadata
            if not (same and old.schema_arrow.equals(new.schema_arrow, check_metadata=True)):
                raise _unproven("schema", before)
            expected = [number for number in range(old.num_row_groups) if anew.get(number, True)]
            rows = sum(old.metadata.row_group(number).num_rows for number in expected if number not in anew)
            rows += sum(proven.rows for proven in anew.values() if proven)
            if new.metadata.num_rows != rows or self._rows_of(after) != rows:
                raise _unproven("number of rows", before)
        if not _same_groups(before, after, expected, anew):
            raise _unproven("content", before)

    def _rows_of(self, file: Path) -> int:
        """How many rows a file has, by a reader other than the one that all else is read with."""
        with corruption([str(file)]):
            ((found,),) = self._duck.read_parquet(str(file)).count("*").fetchall()
        return int(found)


def _less(rows: pa.Table, numbers: Sequence[int]) -> pa.Table:
    """The rows without those of ascending numbers; no value is copied unless they lie widely scattered."""
    if not numbers:
        return rows
    spans = [(start + 1, stop) for start, stop in pairwise([-1, *numbers, rows.num_rows]) if start + 1 < stop]
    if len(spans) > MOST_SLICES:
        return rows.take(pa.array(chain.from_iterable(range(start, stop) for start, stop in spans), pa.int64()))
    return pa.concat_tables([rows.slice(0, 0), *(rows.slice(start, stop - start) for start, stop in spans)])


def _same_groups(before: Path, after: Path, expected: Sequence[int], anew: Mapping[int, Proven | None]) -> bool:
    """Whether the new file has the expected row groups, with their bytes and statistics, and not a byte more."""
    old, new = pq.read_metadata(before), pq.read_metadata(after)
    if new.num_row_groups != len(expected):
        return False
    groups = [new.row_group(place) for place in range(new.num_row_groups)]
    with before.open("rb") as source, after.open("rb") as target:
        for number, group in zip(expected, groups, strict=True):
            proven = anew.get(number)
            if proven is None:
                was = old.row_group(number)
                if _facts(was) != _facts(group) or not _same_bytes(was, source, group, target):
                    return False
            elif proven.facts != _facts(group) or proven.digest != _digest(group, target):
                return False
    chunks = sum(size for group in groups for _, size in _chunks(group))
    size: int = len(MAGIC) + chunks + new.serialized_size + LENGTH_BYTES + len(MAGIC)
    return after.stat().st_size == size


def _facts(group: pq.RowGroupMetaData) -> tuple[Any, ...]:
    """All that a footer says of a row group, but for where in the file it is."""
    columns = [group.column(index) for index in range(group.num_columns)]
    starts = [start for start, _ in _chunks(group)]
    return (
        group.num_rows,
        group.total_byte_size,
        *(
            (
                column.path_in_schema,
                column.physical_type,
                column.compression,
                column.encodings,
                column.num_values,
                column.total_compressed_size,
                column.total_uncompressed_size,
                column.data_page_offset - start,
                column.has_dictionary_page,
                column.statistics,
            )
            for column, start in zip(columns, starts, strict=True)
        ),
    )


def _chunks(group: pq.RowGroupMetaData) -> Iterator[tuple[int, int]]:
    """Where in the file the columns of a row group begin, and their sizes."""
    for index in range(group.num_columns):
        column = group.column(index)
        start = column.data_page_offset
        dictionary = column.dictionary_page_offset if column.has_dictionary_page else None
        yield min(start, dictionary) if dictionary else start, column.total_compressed_size


def _digest(group: pq.RowGroupMetaData, file: BinaryIO) -> bytes:
    digest = hashlib.sha256()
    for start, size in _chunks(group):
        for piece in _pieces(file, start, size):
            digest.update(piece)
    return digest.digest()


def _same_bytes(was: pq.RowGroupMetaData, source: BinaryIO, now: pq.RowGroupMetaData, target: BinaryIO) -> bool:
    for (old, size), (new, _) in zip(_chunks(was), _chunks(now), strict=True):
        for left, right in zip(_pieces(source, old, size), _pieces(target, new, size), strict=True):
            if left != right:
                return False
    return True


def _pieces(file: BinaryIO, start: int, size: int) -> Iterator[bytes]:
    """The bytes of a stretch of a file; shorter ones at the end of the file."""
    file.seek(start)
    for left in range(size, 0, -READ_BYTES):
        yield file.read(min(left, READ_BYTES))


def _unproven(what: str, file: Path) -> LakeError:
    return LakeError(
        f"the {what} of {file.name} after its rewrite is not what it should be, so the old file stays; "
        "check the disk and memory of this machine, then run the command again"
    )
