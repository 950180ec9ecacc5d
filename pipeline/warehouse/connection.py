"""Opens a lake in DuckDB: views over its files and its warehouse, locked so that a query reaches nothing else."""

from __future__ import annotations

from typing import Final

import duckdb

from pipeline.bounded import connect_bounded
from pipeline.lake.layout import open_lake
from pipeline.lake.store import Store
from pipeline.lake.tables import TABLES
from pipeline.places import Place
from pipeline.spill import spill_folder
from pipeline.warehouse.failures import translated
from pipeline.warehouse.stored import show_warehouse, warehouse_file
from pipeline.warehouse.views import create_views, glob_escaped

MEMORY_LIMIT: Final = "60%"


def connect(place: Place, *, memory_limit: str = MEMORY_LIMIT) -> duckdb.DuckDBPyConnection:
    """Open a lake for reading. It needs no lock and may be used while an export runs.

    The connection can't open a file outside the lake's tables and can't be unlocked. Statements that would write into
    the tables' folders are refused by `query.run`, through which queries should go.

    Args:
        place: where the lake lies.
        memory_limit: a share of this machine's memory, or an amount such as "4GB"; beyond it, DuckDB uses the disk.

    Raises:
        LakeError: there is no lake.
        CorruptLakeError: a file can't be read; the message names it.
    """
    lake = open_lake(place, create=False)
    spill = spill_folder(lake.private)
    connection = connect_bounded(spill, memory_limit=memory_limit, threads=None, keeps_order=False)
    try:
        connection.execute("set global TimeZone = 'UTC'")  # cursors have settings of their own
        with translated(place):
            create_views(connection, lake.store)
            show_warehouse(connection, warehouse_file(lake))
        _lock(connection, lake.store)
    except BaseException:
        connection.close()
        raise
    return connection


def _lock(connection: duckdb.DuckDBPyConnection, store: Store) -> None:
    folders = [f"{store.url(name)}/" for name in TABLES]
    # The patterns in the views are checked as they are written.
    folders += [glob_escaped(folder) for folder in folders]
    connection.execute("set allowed_directories = $folders", {"folders": folders})
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
