"""Notes in `main.changed` which rows of the stored models an incremental build changed: where they count, what of them.

Where a row counts is told by its values in `PLACES`, as far as its model has such columns. A model with `until_date`
beside `local_date` has rows that count on all days from the one to the other.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import date
from typing import Final

import duckdb

from pipeline.warehouse.model import Model
from pipeline.warehouse.views import quoted, text

LOCAL_DATE: Final = "local_date"
UNTIL_DATE: Final = "until_date"
PLACES: Final = ("app_id", "channel", "user_key", LOCAL_DATE, UNTIL_DATE)


def forget_changes(connection: duckdb.DuckDBPyConnection) -> None:
    """Begin with no change noted."""
    connection.execute("""
        create or replace table main.changed (
            model varchar, app_id varchar, channel varchar, user_key varchar, local_date date, until_date date,
            columns varchar
        )
    """)


def note_difference(connection: duckdb.DuckDBPyConnection, model: Model, *, old: str, new: str) -> None:
    """Note the rows by which two relations with a model's columns differ, in which columns; null: a row came or went.

    Rows are told apart by their keys and compared by hashes of their values.
    """
    values = [name for name in model.columns if name not in model.key]
    hashes = ", ".join(f"hash({quoted(name)})" for name in values)
    names = ", ".join(map(text, values))
    keys, columns = (", ".join(map(quoted, each)) for each in (model.key, model.columns))
    place = ", ".join(f"{name}: {value}" for name, value in _places(model).items())
    # No `unnest` of the struct: beside `distinct`, DuckDB 2.0 loses rows.
    shown = ", ".join(f"place.{name}" for name in PLACES)
    connection.execute(f"""
        insert into main.changed
        with sides as (
            select {keys}, {{{place}}} as place, [{hashes}]::ubigint[] as hashes
            from (from (select {columns} from {old}) union all from (select {columns} from {new}))
        ),
        pairs as (
            select list(place) as places, list(hashes) as rivals from sides group by {keys}
            having count(*) <> 2 or rivals[1] <> rivals[2]
        )
        select distinct {text(model.name)}, {shown}, columns
        from (
            select unnest(places) as place, if(len(rivals) = 2, array_to_string(list_filter(
                [{names}]::varchar[],
                lambda name, position: rivals[1][position] <> rivals[2][position]
            ), ' '), null) as columns
            from pairs
        )
    """)


def note_moves(connection: duckdb.DuckDBPyConnection, model: Model, *, rows: str) -> None:
    """Note the rows that differ only in the columns which a model `moves`; they have its columns of `PLACES`."""
    place = ", ".join(_places(model).values())
    moved = text(" ".join(model.moves))
    connection.execute(f"""
        insert into main.changed select distinct {text(model.name)}, {place}, {moved} from {rows}
    """)


def is_changed(
    connection: duckdb.DuckDBPyConnection, names: Collection[str], *, readers: Iterable[Model] | None = None
) -> bool:
    """Whether any of some models has changes, or changes that matter to those who read it."""
    found = connection.execute(f"select 1 {changes(connection, names, readers=readers)} limit 1").fetchall()
    return bool(found)


def changed_dates(connection: duckdb.DuckDBPyConnection, name: str) -> list[date | None]:
    """The dates of a model's changed rows."""
    rows = connection.execute(f"select distinct local_date {changes(connection, [name])} order by all").fetchall()
    return [day for (day,) in rows]


def changes(
    connection: duckdb.DuckDBPyConnection, names: Collection[str], *, readers: Iterable[Model] | None = None
) -> str:
    """The changed rows of some models, as SQL from `from` on.

    Columns matter only where one of the readers names them: none passes on what it does not name.
    """
    among = ", ".join(map(text, sorted(names))) or "null"
    noted = f"from main.changed where model in ({among})"
    if readers is None:
        return noted
    words = {word for model in readers for word in re.findall(r"\w+", model.sql)}
    kinds = connection.execute(f"select distinct columns {noted} and columns is not null").fetchall()
    mattering = ", ".join(text(columns) for (columns,) in kinds if not words.isdisjoint(columns.split()))
    return f"{noted} and (columns is null or columns in ({mattering or 'null'}))"


def _places(model: Model) -> dict[str, str]:
    return {name: name if name in model.columns else _nothing(name) for name in PLACES}


def _nothing(name: str) -> str:
    return f"null::{'date' if name in {LOCAL_DATE, UNTIL_DATE} else 'varchar'}"
