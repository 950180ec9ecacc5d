"""The new form of one file: hit row groups are decoded, changed and encoded, all others are copied as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import CorruptLakeError
from pipeline.lake import storage
from pipeline.lake.tables import Table
from pipeline.lake.writer import parquet_writer
from pipeline.privacy.rewrite.proof import Account
from pipeline.privacy.rewrite.splice import splice
from pipeline.suppression.redact import Redacted


@dataclass(frozen=True, slots=True)
class Patched:
    """What became of a file's rows; `origins` as `splice` returns them, empty if no file was written."""

    rows_before: int
    removed: int
    changed: int
    origins: list[int]


def patch(
    source: Path,
    target: Path,
    table: Table,
    *,
    groups: frozenset[int] | None,
    change: Callable[[pa.Table], Redacted],
    account: Account,
) -> Patched:
    """Write the target, unless nothing changes or nothing is left; memory is bounded by a few row groups.

    Args:
        source: the file as it is.
        target: where to write its new form, fsynced.
        table: its table.
        groups: the row groups to look at; None for all.
        change: what is to be done with rows.
        account: is told of all rows that were looked at in groups that are written anew.

    Raises:
        CorruptLakeError: the source can't be read.
        StorageError: the target can't be written.
    """
    scrap = target.with_name(f"{target.name}.groups")
    replaced: dict[int, int | None] = {}
    removed = changed = 0
    try:
        with pq.ParquetFile(source, page_checksum_verification=True) as parquet, _writer(scrap, table) as writer:
            total = parquet.metadata.num_rows
            for number in range(parquet.num_row_groups):
                if groups is not None and number not in groups:
                    continue
                rows = parquet.read_row_group(number).cast(table.schema)
                result = change(rows)
                if not result.removed and not result.changed:
                    continue
                account.add(rows, result)
                removed, changed = removed + result.removed, changed + result.changed
                replaced[number] = _write(writer, result.rows, place=sum(at is not None for at in replaced.values()))
        origins = splice(source, scrap, target, replaced) if replaced and removed < total else []
    except (pa.ArrowException, ValueError):
        # The reason may quote values.
        raise CorruptLakeError(f"{source} is damaged or missing; run `sunlake repair`") from None
    storage.unlink(scrap)
    return Patched(total, removed, changed, origins)


def _writer(scrap: Path, table: Table) -> pq.ParquetWriter:
    with storage.storage_errors():
        return parquet_writer(scrap, table)


def _write(writer: pq.ParquetWriter, rows: pa.Table, *, place: int) -> int | None:
    """Write the rows as one row group; returns its number, None if there are none."""
    if not rows.num_rows:
        return None
    with storage.storage_errors():
        writer.write_table(rows.combine_chunks(), row_group_size=rows.num_rows)
    return place
