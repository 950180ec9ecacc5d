"""Computes the conversation models for some conversations at a time, so that memory does not grow with the lake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

import duckdb

from pipeline.warehouse.compute import compute
from pipeline.warehouse.model import Model
from pipeline.warehouse.sources import show_range, show_touched
from pipeline.warehouse.tally import Tally

ROWS_PER_PASS: Final = 2_500_000

Visit = Callable[[duckdb.DuckDBPyConnection, Model, int], None]


def compute_all(
    connection: duckdb.DuckDBPyConnection, tally: Tally, visit: Visit, *, rows_per_pass: int = ROWS_PER_PASS
) -> None:
    """Compute the conversation models for every conversation, one range of ids after the other.

    Ranges of ids, not hashes: a compacted lake is sorted by them, so that a pass reads little but its own rows.

    Args:
        connection: a session whose warehouse has `meta.fingerprints`.
        tally: which models.
        visit: told of each model when its rows of a pass are there, with the number of the pass from 0.
        rows_per_pass: about how many messages a pass may have.
    """
    ranges = list(_ranges(connection, rows_per_pass))
    for number, (low, high) in enumerate(ranges):
        tally.place = f"conversations, pass {number + 1} of {len(ranges)}"
        show_range(connection, low, high)
        _compute(connection, tally, visit, number)


def append(connection: duckdb.DuckDBPyConnection, model: Model, number: int) -> None:
    """Add a pass's rows of a model to the warehouse; the first pass replaces what is there."""
    if number == 0:
        connection.execute(f"create or replace table warehouse.{model.name} as from {model.name}")
    else:
        connection.execute(f"insert into warehouse.{model.name} from {model.name}")


def compute_touched(connection: duckdb.DuckDBPyConnection, tally: Tally) -> None:
    """Compute the conversation models for `main.touched` and put their rows in place of the old ones.

    Fills `main.changed_dates(local_date)` with the dates whose rows are others now, and
    `main.changed_months(model, month)` with the months of each model's rows that are.
    """
    tally.place = "conversations that changed"
    connection.execute("create or replace table main.changed_dates (local_date date)")
    connection.execute("create or replace table main.changed_months (model varchar, month varchar)")
    if connection.execute("select 1 from main.touched limit 1").fetchone():
        show_touched(connection)
        _compute(connection, tally, _replace, 0)


def _ranges(connection: duckdb.DuckDBPyConnection, rows_per_pass: int) -> Iterator[tuple[str | None, str | None]]:
    bounds = connection.execute(
        """
        with conversations as (
            select conversation_id, sum(n) as n
            from warehouse.meta.fingerprints where table_name = 'messages' group by all
        ),
        running as (
            select
                conversation_id,
                (sum(n) over (order by conversation_id) - n) // $rows_per_pass as number
            from conversations
        )
        select min(conversation_id) from running where number > 0 group by number order by number
        """,
        {"rows_per_pass": rows_per_pass},
    ).fetchall()
    yield from pairwise([None, *(bound for (bound,) in bounds), None])


def _compute(connection: duckdb.DuckDBPyConnection, tally: Tally, visit: Visit, number: int) -> None:
    todo = [model for model in tally.models.conversation if tally.computes(model)]
    for position, model in enumerate(todo):
        if tally.computes(model):  # unless something that it reads has just failed
            with tally.computing(model) as told:
                told.rows += compute(connection, model)
                visit(connection, model, number)
        later = set().union(*(other.references for other in todo[position + 1 :]), set())
        for spent in todo[: position + 1]:
            if spent.name not in later:
                connection.execute(f"drop table if exists {spent.name}")


def _replace(connection: duckdb.DuckDBPyConnection, model: Model, _number: int) -> None:
    if not model.is_stored:
        return
    stored = f"warehouse.{model.name}"
    connection.execute(f"""
        create or replace table main.old as
        select stored.rowid as stored_rowid, stored.*
        from {stored} as stored semi join main.touched using (app_id, conversation_id)
    """)
    if "local_date" in model.columns:
        connection.execute(f"""
            create or replace table main.differing as
            select distinct local_date from (
                (select * exclude (stored_rowid) from main.old except all from {model.name})
                union all
                (from {model.name} except all select * exclude (stored_rowid) from main.old)
            )
        """)
        connection.execute("insert into main.changed_dates from main.differing")
        connection.execute(f"""
            insert into main.changed_months
            select distinct '{model.name}', strftime(local_date, '%Y-%m') from main.differing
        """)
        connection.execute("drop table main.differing")
    connection.execute(f"delete from {stored} where rowid in (select stored_rowid from main.old)")
    connection.execute(f"insert into {stored} from {model.name}; drop table main.old")
