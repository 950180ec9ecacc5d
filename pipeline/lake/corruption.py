"""From whatever DuckDB says of a damaged file to an error that names the file and the remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import CorruptLakeError, LakeError


@contextmanager
def corruption(files: Sequence[str]) -> Iterator[None]:
    """Turn errors of DuckDB into errors of the lake.

    Raises:
        CorruptLakeError: one of the files can't be read; the message names it.
        LakeError: DuckDB failed for another reason; the message names its kind, since its text may quote rows.
    """
    try:
        yield
    except duckdb.Error as error:
        kind = type(error).__name__
    else:
        return
    for file in files:
        if readable_rows(Path(file)) is None:
            raise CorruptLakeError(f"{file} is damaged or missing; run `sunlake repair`, then `sunlake export`")
    raise LakeError(f"the lake can't be read ({kind}); see whether memory or disk ran out, then try again")


def readable_rows(file: Path) -> int | None:
    """How many rows a Parquet file has, or None if it is damaged.

    Every page is decoded and held against its checksum by one reader, and decoded by another: each is lenient where the
    other is not.
    """
    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as parquet:
            rows: int = sum(batch.num_rows for batch in parquet.iter_batches())
        with duckdb.connect() as duck:
            duck.execute("select max(hash(found)) from read_parquet($1) as found", [str(file)]).fetchall()
    except (pa.ArrowException, OSError, ValueError, duckdb.Error):
        return None
    return rows
