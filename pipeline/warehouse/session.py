"""A DuckDB session that computes models: bounded memory, sources in `raw` and `settings`, the warehouse attached."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb

from pipeline.bounded import connect_bounded
from pipeline.config import Settings
from pipeline.lake.layout import Lake
from pipeline.spill import spill_folder
from pipeline.suppression.restricted import everybody_restricted
from pipeline.warehouse.compute import Visit, compute, create_schemas
from pipeline.warehouse.ledger_facts import read_ledger_facts
from pipeline.warehouse.model import SCHEMAS
from pipeline.warehouse.settings_tables import fill_settings
from pipeline.warehouse.snapshot import Snapshot
from pipeline.warehouse.sources import Restricted, create_sources, moments, show_all
from pipeline.warehouse.tally import Tally

MEMORY_LIMIT: Final = "2GB"


@contextmanager
def open_session(
    lake: Lake, warehouse: Path, *, memory_limit: str = MEMORY_LIMIT, read_only: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a session with a warehouse's file attached as `warehouse`.

    Args:
        lake: where DuckDB may spill to.
        warehouse: the file; it is created unless `read_only`.
        memory_limit: such as "2GB"; beyond it the disk is used.
        read_only: attach for reading, beside other readers.
    """
    spill = spill_folder(lake.private)
    connection = connect_bounded(spill, memory_limit=memory_limit, threads=None, keeps_order=False)
    with connection:
        connection.execute("set global TimeZone = 'UTC'")
        options = "(read_only)" if read_only else ""
        connection.execute(f"attach $path as warehouse {options}", {"path": str(warehouse)})
        create_schemas(connection)
        if not read_only:
            for schema in (*SCHEMAS, "meta"):
                connection.execute(f"create schema if not exists warehouse.{schema}")
        yield connection
        connection.execute("detach warehouse")


def fill_sources(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    settings: Settings,
    snapshot: Snapshot,
    *,
    with_walked: bool = False,
    restricted: Restricted = (),
) -> None:
    """Create the schemas `raw` and `settings`, showing all of a snapshot; staging leaves out what is `restricted`.

    Raises:
        LedgerError: the ledger is damaged or can't be reached.
    """
    facts = read_ledger_facts(lake, settings.ledger_url, with_walked=with_walked)
    hidden = everybody_restricted(lake, settings).union(restricted)
    create_sources(connection, snapshot, facts, restricted=hidden)
    show_all(connection)
    first_ms, last_ms = moments(connection)
    fill_settings(connection, settings.warehouse, first_ms=first_ms, last_ms=last_ms)


def compute_before(connection: duckdb.DuckDBPyConnection, tally: Tally, visit: Visit) -> None:
    """Compute the models that come before conversations; all that follows may read them. `visit` is told of each."""
    tally.place = "sources"
    for model in tally.models.before:
        if tally.computes(model):
            with tally.computing(model) as told:
                told.rows += compute(connection, model)
                visit(connection, model)
