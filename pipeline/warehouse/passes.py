"""Computes the conversation models for some conversations at a time, so that memory does not grow with the lake."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final

import duckdb

from pipeline.warehouse.changed import PLACES, note_difference, note_moves
from pipeline.warehouse.compute import Visit, compute, drop
from pipeline.warehouse.model import Model
from pipeline.warehouse.models import Models
from pipeline.warehouse.sources import forget_touched, show_range, show_touched
from pipeline.warehouse.tally import Tally

ROWS_PER_PASS: Final = 1_000_000

VisitPass = Callable[[duckdb.DuckDBPyConnection, Model, int], None]


def compute_all(
    connection: duckdb.DuckDBPyConnection, tally: Tally, visit: VisitPass, *, rows_per_pass: int = ROWS_PER_PASS
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


def compute_touched(connection: duckdb.DuckDBPyConnection, tally: Tally, visit: Visit) -> None:
    """Compute the conversation models for `main.touched` and put their rows in place of the old ones.

    The moments up to which the conversations in `main.moved` are known are moved on. Notes what changed.

    Args:
        connection: a session whose warehouse is the last build's.
        tally: which models.
        visit: told of each model when its rows are there.
    """

    def put(connection: duckdb.DuckDBPyConnection, model: Model, _number: int) -> None:
        visit(connection, model)
        _replace(connection, model)

    tally.place = "conversations that changed"
    if connection.execute("select 1 from main.touched limit 1").fetchone():
        show_touched(connection, tally.models.conversation)
        _compute(connection, tally, put, 0)
        forget_touched(connection)
    if connection.execute("select 1 from main.moved limit 1").fetchone():
        for model in tally.models.conversation:
            if model.moves and tally.stores(model):
                _move(connection, model)


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


def _compute(connection: duckdb.DuckDBPyConnection, tally: Tally, visit: VisitPass, number: int) -> None:
    todo = [model for model in tally.models.conversation if tally.computes(model)]
    for position, model in enumerate(todo):
        if tally.computes(model):  # unless something that it reads has just failed
            with tally.computing(model) as told:
                told.rows += compute(connection, model)
                visit(connection, model, number)
        later = _read_by(todo[position + 1 :], tally.models)
        for spent in todo[: position + 1]:
            if spent.name not in later:
                drop(connection, spent)


def _read_by(readers: Sequence[Model], models: Models) -> set[str]:
    """What some models read, also through views."""
    read = set().union(*(model.references for model in readers), set())
    for model in reversed(models.conversation):
        if model.is_view and model.name in read:
            read |= model.references
    return read


def _replace(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    if not model.is_stored:
        return
    stored = f"warehouse.{model.name}"
    # In two steps, for the first reads but the ids of all rows.
    connection.execute(f"""
        create or replace table main.old_rows as
        select stored.rowid as stored_rowid
        from {stored} as stored semi join main.touched using (app_id, conversation_id);
        create or replace table main.old as from {stored} where rowid in (select stored_rowid from main.old_rows)
    """)
    note_difference(connection, model, old="main.old", new=model.name)
    connection.execute(f"""
        delete from {stored} where rowid in (select stored_rowid from main.old_rows);
        insert into {stored} from {model.name};
        drop table main.old;
        drop table main.old_rows
    """)


def _move(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    stored, first = f"warehouse.{model.name}", model.moves[0]
    # No row that is known up to an earlier moment than all that move can be one of them.
    connection.execute("set variable least_ms = (select min(known_ms) from main.moved)")
    places = "".join(f", stored.{name}" for name in PLACES if name in model.columns and name != "app_id")
    connection.execute(f"""
        create or replace table main.moving as
        select stored.rowid as stored_rowid, moved.now_ms, stored.app_id{places}
        from {stored} as stored
        inner join main.moved as moved
            on stored.app_id = moved.app_id and stored.conversation_id = moved.conversation_id
            and stored.{first} = {_moment(first, "moved.known_ms")}
        where stored.{first} >= {_moment(first, "getvariable('least_ms')")}
    """)
    note_moves(connection, model, rows="main.moving")
    values = ", ".join(f"{column} = {_moment(column, 'moving.now_ms')}" for column in model.moves)
    connection.execute(f"""
        update {stored} as stored set {values} from main.moving as moving where stored.rowid = moving.stored_rowid;
        drop table main.moving
    """)


def _moment(column: str, milliseconds: str) -> str:
    return milliseconds if column.endswith("_ms") else f"make_timestamp({milliseconds} * 1000)"
