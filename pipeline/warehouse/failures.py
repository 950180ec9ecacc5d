"""What DuckDB's errors mean for someone who reads a lake."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import CorruptLakeError, QueryError, StorageError
from pipeline.lake.corruption import told_by_store
from pipeline.lake.tables import TABLES
from pipeline.places import SCHEME, Place, S3Place

_FILE = re.compile(r"""["'](/[^"'\n]*\.parquet)["']""")
_OBJECT = re.compile(rf"""["']?({SCHEME}[^"'\s]*\.parquet)\b""")
_MART = re.compile(r"\b(?:fct|agg|dim)_\w+ does not exist")
_REPLACED: Final = "a file was replaced while it was about to be read; run the query again"
_READING_ERRORS: Final = (duckdb.IOException, duckdb.InvalidInputException, duckdb.ConversionException)


class ReplacedError(QueryError):
    """A file was replaced between listing and opening it; the same query succeeds when it is run again."""


@contextmanager
def translated(root: Place | None = None) -> Iterator[None]:
    """Turn DuckDB's errors into ours.

    Args:
        root: where the lake lies; messages name its files relative to it, and where DuckDB does not name a damaged file
            it is searched for.

    Raises:
        CorruptLakeError: a file of the lake can't be read.
        StorageError: the lake's store refused.
        QueryError: anything else, with DuckDB's own words.
    """
    try:
        yield
    except duckdb.Error as error:
        if isinstance(root, S3Place):
            raise _translation_of_bucket(error, root) from None
        raise _translation(error, root) from None


def _translation_of_bucket(error: duckdb.Error, place: S3Place) -> QueryError | CorruptLakeError | StorageError:
    told = told_by_store(error)
    if told is not None:
        was_replaced, reason = told
        return ReplacedError(_REPLACED) if was_replaced else StorageError(reason)
    named = _OBJECT.search(str(error)) if isinstance(error, _READING_ERRORS) else None
    if named and "No files found" in str(error):
        is_pattern = any(character in named[1] for character in "*?[")
        return QueryError(_words(error)) if is_pattern else ReplacedError(_REPLACED)
    if named:
        return CorruptLakeError(
            f"{named[1].removeprefix(f'{place}/')} is damaged and can't be read; run `sunlake repair`"
        )
    if type(error) is duckdb.Error:
        return QueryError(f"{error}\nIf a file of the lake is damaged, `sunlake repair` finds it.")
    return QueryError(_words(error))


def _translation(error: duckdb.Error, root: Path | None) -> QueryError | CorruptLakeError:
    named = _FILE.search(str(error)) if isinstance(error, _READING_ERRORS) else None
    if named and "Cannot open file" in str(error) and not Path(named[1]).exists():
        return ReplacedError(_REPLACED)
    if named and "No files found" in str(error):
        return QueryError(_words(error))
    if named:
        return _corrupt(named[1], root)
    # Some damage is met without a name: DuckDB then raises an error of no class.
    damaged = _find_damaged(root) if root and type(error) is duckdb.Error else None
    return _corrupt(str(damaged), root) if damaged else QueryError(_words(error))


def _corrupt(name: str, root: Path | None) -> CorruptLakeError:
    path = Path(name)
    shown = path.relative_to(root.absolute()) if root and path.is_relative_to(root.absolute()) else path
    return CorruptLakeError(f"{shown} is damaged and can't be read; run `sunlake repair`")


def _find_damaged(root: Path) -> Path | None:
    files = [path.absolute() for name in TABLES for path in sorted((root / name).rglob("*.parquet"))]
    # Footers are read in no time; only where all are sound the contents are.
    for check in (pq.read_metadata, _read_all):
        for path in files:
            try:
                check(path)
            except (pa.ArrowException, OSError):
                return path
    return None


def _read_all(path: Path) -> None:
    with pq.ParquetFile(path) as file:
        for number in range(file.num_row_groups):
            file.read_row_group(number)


def _words(error: duckdb.Error) -> str:
    if isinstance(error, duckdb.PermissionException):
        return f"{error}\nA query can read the tables of the lake and nothing else; `sunlake sql --list` shows them."
    if isinstance(error, duckdb.CatalogException) and _MART.search(str(error)):
        return f"{error}\nThe marts are made by `sunlake build`; `sunlake sql --list` shows what there is."
    return str(error)
