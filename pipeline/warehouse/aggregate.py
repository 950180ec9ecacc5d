"""Computes the models that read what was stored of all conversations: whole, or only the dates that changed."""

from __future__ import annotations

from typing import Final

import duckdb

from pipeline.warehouse.compute import compute
from pipeline.warehouse.model import Model, Unit
from pipeline.warehouse.sources import show_all
from pipeline.warehouse.tally import Tally

# A row without a date is recomputed each time: it can't be told what changed it.
_CHANGED: Final = "(local_date is null or local_date in (select local_date from main.changed_dates))"


def compute_after(connection: duckdb.DuckDBPyConnection, tally: Tally, *, only_changed: bool) -> None:
    """Compute and store all models that come after the conversations.

    Args:
        connection: with the warehouse attached, where the conversation models are stored.
        tally: which models, and where to note what became of them.
        only_changed: recompute of the models by date just `main.changed_dates`.
    """
    tally.place = "aggregates"
    show_all(connection)
    for model in tally.models.after:
        if not tally.computes(model):
            continue
        by_date = only_changed and model.unit is Unit.LOCAL_DATE
        _show_inputs(connection, tally, model, by_date=by_date)
        with tally.computing(model) as told:
            told.rows += compute(connection, model)
        if tally.stores(model):
            store(connection, model, by_date=by_date)
            connection.execute(f"drop table {model.name}")


def store(connection: duckdb.DuckDBPyConnection, model: Model, *, by_date: bool = False) -> None:
    """Put a computed model into the warehouse.

    Args:
        connection: with the warehouse attached.
        model: what was computed.
        by_date: it holds only the dates in `main.changed_dates`; others stay as they are.
    """
    stored = f"warehouse.{model.name}"
    if by_date:
        connection.execute(f"delete from {stored} where {_CHANGED}; insert into {stored} from {model.name}")
    else:
        connection.execute(f"create or replace table {stored} as from {model.name}")


def _show_inputs(connection: duckdb.DuckDBPyConnection, tally: Tally, model: Model, *, by_date: bool) -> None:
    before = {other.name for other in tally.models.before}
    for name in sorted(model.references & tally.models.by_name.keys() - before):
        read = tally.models.by_name[name]
        if not read.is_stored:
            continue
        narrowed = f" where {_CHANGED}" if by_date and "local_date" in read.columns else ""
        connection.execute(f"create or replace view {name} as from warehouse.{name}{narrowed}")
