"""Opens the warehouse for reading. It is replaced by rename, so a report reads one state of it to its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb

from pipeline.bounded import connect_bounded
from pipeline.errors import LakeError, QueryError
from pipeline.lake.layout import open_lake
from pipeline.places import Place
from pipeline.spill import spill_folder
from pipeline.warehouse.stored import warehouse_file

MEMORY_LIMIT: Final = "60%"
REBUILD: Final = "run `sunlake build`"

_PREPARATION: Final = """
create temp macro channel_or_none(channel) as coalesce(channel, 'none');
create temp macro is_chosen_app(app_id) as list_contains(getvariable('apps'), app_id);
create temp macro is_chosen(app_id, channel) as
    is_chosen_app(app_id)
    and (
        getvariable('channels') is null
        or list_contains(getvariable('channels'), channel_or_none(channel))
    );
create temp macro is_current(local_date) as
    local_date between getvariable('period_first') and getvariable('period_last');
create temp macro is_current_or_before(local_date) as
    local_date between getvariable('before_first') and getvariable('period_last');
create temp macro period_of(local_date) as
    case when local_date >= getvariable('period_first') then 'current' else 'before' end;
create temp macro bucket_of(local_date) as date_trunc(getvariable('grain'), local_date)::date;
"""


@contextmanager
def open_warehouse(root: Place, *, memory_limit: str = MEMORY_LIMIT) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a lake's warehouse; nothing can be written through the connection, nor any other file opened.

    Args:
        root: where the lake lies.
        memory_limit: a share of this machine's memory, or an amount such as "4GB"; beyond it, DuckDB uses the disk.

    Raises:
        LakeError: there is no lake, no warehouse yet, or it can't be read.
        QueryError: it was built by another version of sunlake.
    """
    lake = open_lake(root, create=False)
    path = warehouse_file(lake)
    if not path.exists():
        raise LakeError(f"the lake in {root} has no warehouse yet; {REBUILD}")
    spill = spill_folder(lake.private)
    with connect_bounded(spill, memory_limit=memory_limit, threads=None, keeps_order=False) as connection:
        _attach(connection, path)
        try:
            yield connection
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            reason = str(error).splitlines()[0]
            raise QueryError(f"the warehouse was built by another version of sunlake; {REBUILD} ({reason})") from None
        except (duckdb.IOException, duckdb.SerializationException, duckdb.InternalException):
            raise LakeError(f"{path} can't be read to its end; {REBUILD}, which writes it anew") from None


def _attach(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    try:
        connection.execute("attach $path as warehouse (read_only)", {"path": str(path)})
    except duckdb.Error:
        raise LakeError(
            f"{path} is damaged or was written by another DuckDB; {REBUILD}, which writes it anew"
        ) from None
    connection.execute("use warehouse")
    connection.execute("set enable_external_access = false")
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(_PREPARATION)
