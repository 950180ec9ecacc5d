"""One app's rows as erasure must see them: every version in every file, with the file and its place in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from pipeline.bounded import connect_bounded
from pipeline.lake.corruption import corruption
from pipeline.lake.layout import Lake
from pipeline.lake.tables import TABLES
from pipeline.spill import spill_folder
from pipeline.walk import ledger as tables
from pipeline.walk.ledger import Ledger

MEMORY_LIMIT: Final = "1GB"
_ID: Final = pa.string()


@dataclass(frozen=True, slots=True)
class FileSize:
    """A published file by the ledger: its table, rows and bytes."""

    table: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class LakeView:
    """A connection with a view for each of `TABLES`, which adds `file` (as DuckDB names it) and `file_row`.

    `sizes` are the files by their path relative to the lake's root.
    """

    duck: duckdb.DuckDBPyConnection = field(repr=False)
    lake: Lake
    ledger: Ledger = field(repr=False)
    app_id: str
    sizes: dict[str, FileSize] = field(repr=False)

    def rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, a batch at a time in memory; one query at a time."""
        cursor = self.duck.execute(query)
        while batch := cursor.fetchmany(10_000):
            yield from batch

    def put(self, name: str, columns: dict[str, Sequence[Any]], *, numbers: Iterable[str] = ("subject",)) -> None:
        """Replace the temporary table of this name; its columns are texts but for the numbers."""
        types = {column: pa.int64() if column in set(numbers) else _ID for column in columns}
        given = pa.table({column: pa.array(values, types[column]) for column, values in columns.items()})
        self.duck.register("given", given)
        self.duck.execute(f"create or replace temp table {name} as select * from given")
        self.duck.unregister("given")

    def relative(self, file: str) -> str:
        """A file's path relative to the lake's root, as in `sizes`."""
        return file.removeprefix(self.lake.store.url("")).removeprefix("/")


@contextmanager
def open_view(lake: Lake, ledger: Ledger, app_id: str) -> Iterator[LakeView]:
    """Open one app of a lake for reading.

    Raises:
        CorruptLakeError: a file can't be read.
    """
    sizes = _sizes(ledger, app_id)
    bounded = connect_bounded(spill_folder(lake.private), memory_limit=MEMORY_LIMIT, keeps_order=False)
    urls = {path: lake.store.url(path) for path in sizes}
    with bounded as duck, corruption(list(urls.values())):
        lake.store.attach(duck)
        for name in TABLES:
            _create_view(duck, name, [urls[path] for path, size in sizes.items() if size.table == name])
        yield LakeView(duck, lake, ledger, app_id, sizes)


def lake_version(ledger: Ledger, app_id: str) -> str:
    """The number of the lake's last commit of an app and its id; it moves with every commit."""
    columns = tables.commits.c
    query = sa.select(sa.func.count(), sa.func.max(columns.commit_id)).where(columns.app_id == app_id)
    with ledger.read() as connection:
        count, last = connection.execute(query).one()
    return f"{count}:{last or ''}"


def known_users(ledger: Ledger, app_id: str) -> int:
    """How many users of an app the ledger has heard of."""
    query = sa.select(sa.func.count()).select_from(tables.users).where(tables.users.c.app_id == app_id)
    with ledger.read() as connection:
        return connection.scalar(query) or 0


def _sizes(ledger: Ledger, app_id: str) -> dict[str, FileSize]:
    columns = tables.files.c
    query = sa.select(columns.path, columns.table_name, columns.rows, columns.bytes)
    query = query.where(columns.app_id == app_id, columns.table_name.in_(TABLES)).order_by(columns.path)
    with ledger.read() as connection:
        return {row.path: FileSize(row.table_name, row.rows, row.bytes) for row in connection.execute(query)}


def _create_view(duck: duckdb.DuckDBPyConnection, name: str, files: Sequence[str]) -> None:
    columns = ", ".join(f'"{column}"' for column in TABLES[name].schema.names)
    if not files:
        empty = TABLES[name].schema.remove_metadata().empty_table()
        empty = empty.append_column("file", pa.array([], _ID)).append_column("file_row", pa.array([], pa.int64()))
        duck.register("given", empty)
        duck.execute(f"create temp table {name} as select * from given")
        duck.unregister("given")
        return
    paths = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    duck.execute(
        f"create temp view {name} as select {columns}, filename as file, file_row_number as file_row "
        f"from read_parquet([{paths}], filename = true, file_row_number = true, hive_partitioning = false)"
    )
