"""Computes the models that read what was stored of all conversations: whole, or only the dates that changed."""

from __future__ import annotations

import duckdb

from pipeline.warehouse.changed import LOCAL_DATE, note_difference
from pipeline.warehouse.compute import compute
from pipeline.warehouse.model import Model
from pipeline.warehouse.sources import show_all
from pipeline.warehouse.stale import Stale
from pipeline.warehouse.tally import Tally


def compute_after(connection: duckdb.DuckDBPyConnection, tally: Tally, *, only_changed: bool) -> None:
    """Compute and store all models that come after the conversations.

    Args:
        connection: with the warehouse attached, where the conversation models are stored.
        tally: which models, and where to note what became of them.
        only_changed: compute just the models whose inputs changed, and of those by date just the dates that did.
    """
    tally.place = "aggregates"
    show_all(connection)
    stale = Stale(connection, tally.models) if only_changed else None
    for model in tally.models.after:
        if not tally.computes(model):
            continue
        if stale is not None and not stale.is_stale(model):
            tally.keep(model)
            continue
        among = None if stale is None else stale.dates(model)
        _show_inputs(connection, tally, model, among=among)
        with tally.computing(model) as told:
            told.rows += compute(connection, model)
        if tally.stores(model):
            store(connection, model, among=among, compare=only_changed)
            connection.execute(f"drop table {model.name}")


def store(
    connection: duckdb.DuckDBPyConnection, model: Model, *, among: str | None = None, compare: bool = False
) -> None:
    """Put a computed model into the warehouse.

    Args:
        connection: with the warehouse attached.
        model: what was computed.
        among: it holds only rows for which this is true; others stay as they are.
        compare: note what differs from the last build.
    """
    stored = f"warehouse.{model.name}"
    if compare:
        old = f"(from {stored} where {among})" if among else stored
        note_difference(connection, model, old=old, new=model.name)
    if among:
        connection.execute(f"delete from {stored} where {among}; insert into {stored} from {model.name}")
    else:
        connection.execute(f"create or replace table {stored} as from {model.name}")


def _show_inputs(connection: duckdb.DuckDBPyConnection, tally: Tally, model: Model, *, among: str | None) -> None:
    before = {other.name for other in tally.models.before}
    for name in sorted(model.references & tally.models.by_name.keys() - before):
        read = tally.models.by_name[name]
        if not read.is_stored:
            continue
        narrowed = f" where {among}" if among and LOCAL_DATE in read.columns else ""
        connection.execute(f"create or replace view {name} as from warehouse.{name}{narrowed}")
