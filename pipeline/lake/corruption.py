"""From whatever DuckDB says of a damaged file to an error that names the file and the remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import CorruptLakeError, LakeError, StorageError
from pipeline.places import SCHEME

# A bucket's refusals arrive as the text of an error of DuckDB, after one of these.
REPLACED: Final = "sunlake: replaced: "
REFUSED: Final = "sunlake: refused: "
_READING_ERRORS: Final = (duckdb.IOException, duckdb.InvalidInputException, duckdb.ConversionException)
_NAMED: Final = re.compile(rf"{SCHEME}[^\s\"']*\.parquet")
_TOLD: Final = re.compile(f"(?:{REPLACED}|{REFUSED})(.*)")


def told_by_store(error: duckdb.Error) -> tuple[bool, str] | None:
    """What the store said of a file: whether that it was replaced, and the text; None if it said nothing."""
    found = _TOLD.search(str(error))
    return (found[0].startswith(REPLACED), found[1]) if found else None


@contextmanager
def corruption(files: Sequence[str]) -> Iterator[None]:
    """Turn errors of DuckDB into errors of the lake.

    Args:
        files: by the names that DuckDB knows them by; those that are on this disk are looked into.

    Raises:
        StorageError: the store refused to give a file.
        CorruptLakeError: one of the files can't be read; the message names it.
        LakeError: DuckDB failed for another reason; the message names its kind, since its text may quote rows.
    """
    try:
        yield
    except duckdb.Error as error:
        kind = type(error).__name__
        told = told_by_store(error)
        named = _NAMED.search(str(error)) if isinstance(error, _READING_ERRORS) else None
    else:
        return
    if told is not None:
        was_replaced, text = told
        raise StorageError(f"{text} was replaced or removed by another writer; try again" if was_replaced else text)
    if named:
        raise CorruptLakeError(f"{named[0]} is damaged or missing; run `sunlake repair`, then `sunlake export`")
    for file in files:
        if not file.startswith(SCHEME) and readable_rows(Path(file)) is None:
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
