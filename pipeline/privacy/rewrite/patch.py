"""The new form of one file: hit row groups are decoded, changed and encoded, all others are copied as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import CorruptLakeError
from pipeline.lake.tables import Table
from pipeline.lake.writer import parquet_writer
from pipeline.privacy.rewrite.proof import Proof, Proven
from pipeline.privacy.rewrite.splice import Splice
from pipeline.suppression.redact import Redacted


@dataclass(frozen=True, slots=True)
class Patched:
    """What became of a file's rows; `anew` are the row groups that were replaced, as for `Proof.of_file`."""

    rows_before: int
    removed: int
    changed: int
    anew: Mapping[int, Proven | None]


def patch(
    source: Path,
    target: Path,
    table: Table,
    *,
    groups: frozenset[int] | None,
    change: Callable[[pa.Table], Redacted],
    proof: Proof,
) -> Patched:
    """Write the target, unless nothing changes or nothing is left; memory is bounded by a few row groups.

    Args:
        source: the file as it is.
        target: where to write its new form, fsynced.
        table: its table.
        groups: the row groups to look at; None for all.
        change: what is to be done with rows.
        proof: proves each row group that is encoded.

    Raises:
        CorruptLakeError: the source can't be read.
        LakeError: a row group does not prove right.
        StorageError: the target can't be written.
    """
    anew: dict[int, Proven | None] = {}
    removed = changed = 0
    try:
        with pq.ParquetFile(source, page_checksum_verification=True) as parquet, Splice(source, target) as splice:
            total = parquet.metadata.num_rows
            for number in range(parquet.num_row_groups) if groups is None else sorted(groups):
                rows = parquet.read_row_group(number).cast(table.schema)
                result = change(rows)
                if not result.removed and not result.changed:
                    continue
                removed, changed = removed + result.removed, changed + result.changed
                encoded = _encoded(result.rows, table) if result.rows.num_rows else None
                anew[number] = None if encoded is None else proof.of_rows(source, rows, result, encoded)
                splice.replace(number, encoded)
            if anew and removed < total:
                splice.finish()
    except (pa.ArrowException, ValueError):
        # The reason may quote values.
        raise CorruptLakeError(f"{source} is damaged or missing; run `sunlake repair`") from None
    return Patched(total, removed, changed, anew)


def _encoded(rows: pa.Table, table: Table) -> pa.Buffer:
    """A file in memory with one row group."""
    sink = pa.BufferOutputStream()
    with parquet_writer(sink, table) as writer:
        writer.write_table(rows.combine_chunks(), row_group_size=rows.num_rows)
    return sink.getvalue()
