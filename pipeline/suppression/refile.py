"""One Parquet file into another without the rows that may not stay, a row group at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import CorruptLakeError
from pipeline.lake import storage
from pipeline.lake.tables import Table
from pipeline.lake.writer import ROW_GROUP_ROWS, parquet_writer


def refile(source: Path, target: Path, table: Table, change: Callable[[pa.Table], pa.Table]) -> int:
    """Write what is left of a file's rows into another one, with the lake's own options, and fsync it.

    Memory is bounded by a few row groups. The file is written even if no row is left.

    Returns:
        How many rows are left.

    Raises:
        CorruptLakeError: the source can't be read, or has other columns than its table.
        StorageError: the target can't be written.
    """
    count = 0
    with storage.storage_errors(), parquet_writer(target, table) as writer:
        for batch in row_groups(source, table):
            rows = change(batch)
            count += rows.num_rows
            if rows.num_rows:
                writer.write_table(rows.combine_chunks(), row_group_size=ROW_GROUP_ROWS * 2)
    storage.sync_file(target)
    return count


def row_groups(file: Path, table: Table, *, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """The rows of a file in its row groups, large ones in parts.

    Raises:
        CorruptLakeError: it can't be read, or has other columns than its table.
    """
    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as parquet:
            if parquet.schema_arrow.names != table.schema.names:
                raise CorruptLakeError(f"{file} has other columns than its table; run `sunlake repair`")
            for number in range(parquet.num_row_groups):
                batches = parquet.iter_batches(ROW_GROUP_ROWS * 2, row_groups=[number], columns=columns)
                for batch in batches:
                    rows = pa.Table.from_batches([batch])
                    yield rows if columns else rows.cast(table.schema)
    except (pa.ArrowException, OSError, ValueError):
        # The reason may quote values.
        raise CorruptLakeError(f"{file} is damaged or missing; run `sunlake repair`") from None
