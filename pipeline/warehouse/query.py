"""Runs queries that only read and hands out their rows in batches."""

from __future__ import annotations

import re
import time
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import pyarrow as pa

from pipeline.errors import QueryError
from pipeline.lake.layout import Lake
from pipeline.lake.tables import TABLES
from pipeline.places import Place
from pipeline.warehouse.failures import ReplacedError, translated
from pipeline.warehouse.read_only import reading_statements

BATCH_ROWS: Final = 2_000
ARROW_BATCH_ROWS: Final = 20_000
ATTEMPTS: Final = 10
PAUSE_SECONDS: Final = 0.02

_NUMBER = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|U?INTEGER|DOUBLE|FLOAT|DECIMAL.*|BIGNUM")


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """One column of a result with DuckDB's name of its type."""

    name: str
    type: str

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers."""
        return _NUMBER.fullmatch(self.type) is not None

    @property
    def is_json(self) -> bool:
        """Whether its values are JSON text."""
        return self.type == "JSON"


@dataclass(frozen=True, slots=True)
class Result:
    """A running query. Its rows can be read once, before the next query of the connection starts."""

    columns: Sequence[ResultColumn]
    connection: duckdb.DuckDBPyConnection
    root: Place | None = None

    def batches(self) -> Iterator[list[tuple[Any, ...]]]:
        """The rows, some thousands at a time.

        Raises:
            QueryError, CorruptLakeError: what went wrong on the way.
        """
        while True:
            with translated(self.root):
                rows = self.connection.fetchmany(BATCH_ROWS)
            if not rows:
                return
            yield rows


def run(connection: duckdb.DuckDBPyConnection, text: str, *, root: Place | None = None) -> Iterator[Result]:
    """Run the statements of a text one after the other; each result must be read before the next is asked for.

    Args:
        connection: from `connect`.
        text: one or more statements that only read.
        root: where the lake lies, for messages that name its files.

    Raises:
        QueryError: a statement is wrong or could write; nothing was run if any could write.
        CorruptLakeError: a file of the lake can't be read.
    """
    for statement in reading_statements(connection, text):
        yield _execute(connection, statement, root)


def run_arrow(
    connection: duckdb.DuckDBPyConnection, text: str, *, root: Place | None = None
) -> Iterator[pa.RecordBatch]:
    """Run one statement and give its rows as Arrow batches, at least one.

    Raises:
        QueryError, CorruptLakeError: as `run`; also where there are several statements.
    """
    statements = reading_statements(connection, text)
    if len(statements) != 1:
        raise QueryError("only one query can be written into one Parquet file")
    with translated(root):
        reader = connection.sql(statements[0]).to_arrow_reader(ARROW_BATCH_ROWS)
        yield pa.RecordBatch.from_pylist([], schema=reader.schema)
        yield from reader


def _execute(connection: duckdb.DuckDBPyConnection, statement: str, root: Place | None) -> Result:
    """Start a query on one state of the lake.

    A view lists its files more than once. If a commit comes in between, the query starts again, or rows of files that
    replace each other would be counted twice.
    """
    for attempt in range(1, ATTEMPTS + 1):
        time.sleep(PAUSE_SECONDS * (attempt - 1))
        before = _state(root)
        try:
            with translated(root):
                connection.execute(statement)
        except ReplacedError:
            if attempt == ATTEMPTS:
                raise
        else:
            if before == _state(root):
                break
    return Result([ResultColumn(entry[0], str(entry[1])) for entry in connection.description or ()], connection, root)


def _state(root: Place | None) -> Hashable:
    """Another value after files were added to or removed from the lake."""
    return None if root is None else Lake(root).store.state(TABLES)
