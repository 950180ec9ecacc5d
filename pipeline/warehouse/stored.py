"""The warehouse that the last build left: where it is, and its tables as views of a connection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import duckdb

from pipeline.lake.layout import Lake
from pipeline.warehouse.views import quoted, text

# In this order are bare names looked up.
SEARCHED: Final = "main,marts"


def warehouse_file(lake: Lake) -> Path:
    """Where the warehouse of a lake is."""
    return lake.private / "warehouse.duckdb"


def show_warehouse(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Attach a warehouse for reading and show its tables as views of the same names; do nothing if none is there.

    Marts can be named without their schema.

    Raises:
        duckdb.Error: the file is damaged.
    """
    if not path.exists():
        return
    connection.execute(f"attach {text(str(path))} as warehouse (read_only)")
    connection.execute("; ".join(["begin", *_statements(connection), "commit"]))
    connection.execute(f"set search_path = '{SEARCHED}'")


def _statements(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    tables = connection.execute("""
        select schema_name, table_name, comment from duckdb_tables() where database_name = 'warehouse' order by all
    """).fetchall()
    for schema in sorted({schema for schema, _, _ in tables}):
        yield f"create schema if not exists {quoted(schema)}"
    for schema, table, comment in tables:
        name = f"{quoted(schema)}.{quoted(table)}"
        yield f"create view {name} as from warehouse.{name}"
        yield f"comment on view {name} is {text(comment or '')}"
    columns = connection.execute("""
        select schema_name, table_name, column_name, comment from duckdb_columns()
        where database_name = 'warehouse' and comment is not null
    """).fetchall()
    for schema, table, column, comment in columns:
        yield f"comment on column {quoted(schema)}.{quoted(table)}.{quoted(column)} is {text(comment)}"
