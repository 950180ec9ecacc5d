"""Computes the models that read what was stored of all conversations: whole, or only the places that changed."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from pipeline.warehouse.changed import note_difference
from pipeline.warehouse.compute import Visit, compute
from pipeline.warehouse.model import Model
from pipeline.warehouse.sources import show_all
from pipeline.warehouse.stale import Stale, among_places
from pipeline.warehouse.tally import Tally


def compute_after(connection: duckdb.DuckDBPyConnection, tally: Tally, visit: Visit, *, only_changed: bool) -> None:
    """Compute and store all models that come after the conversations.

    Args:
        connection: with the warehouse attached, where the conversation models are stored.
        tally: which models, and where to note what became of them.
        visit: told of each model when its rows are there.
        only_changed: compute just the models whose inputs changed, and of those with a unit just the places that did.
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
        places = () if stale is None else stale.find_places(model)
        _show_inputs(connection, tally, model, places=places)
        with tally.computing(model) as told:
            told.rows += compute(connection, model)
            visit(connection, model)
        if tally.stores(model):
            store(connection, model, places=places, compare=only_changed)
            connection.execute(f"drop table {model.name}")


def store(
    connection: duckdb.DuckDBPyConnection, model: Model, *, places: Sequence[str] = (), compare: bool = False
) -> None:
    """Put a computed model into the warehouse.

    Args:
        connection: with the warehouse attached.
        model: what was computed.
        places: the columns of `main.places`: only rows that count there are taken, in place of the old ones; none:
            all rows are.
        compare: note what differs from the last build.
    """
    stored = f"warehouse.{model.name}"
    if not places:
        if compare:
            note_difference(connection, model, old=stored, new=model.name)
        connection.execute(f"create or replace table {stored} as from {model.name}")
        return
    among = among_places(model, places)
    connection.execute(f"""
        create or replace table main.old as
        select counted.rowid as stored_rowid, counted.* from {stored} as counted {among};
        create or replace table main.new as select * from {model.name} as counted {among}
    """)
    note_difference(connection, model, old="main.old", new="main.new")
    connection.execute(f"""
        delete from {stored} where rowid in (select stored_rowid from main.old);
        insert into {stored} from main.new;
        drop table main.old;
        drop table main.new
    """)


def _show_inputs(connection: duckdb.DuckDBPyConnection, tally: Tally, model: Model, *, places: Sequence[str]) -> None:
    before = {other.name for other in tally.models.before}
    for name in sorted(model.references & tally.models.by_name.keys() - before):
        read = tally.models.by_name[name]
        if not read.is_stored:
            continue
        narrowed = f" {among_places(read, places)}" if places else ""
        connection.execute(f"create or replace view {name} as select * from warehouse.{name} as counted{narrowed}")
