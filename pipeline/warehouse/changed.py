"""Notes which rows of the stored models an incremental build changed: by model and local date, in `main.changed`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from typing import Final

import duckdb

from pipeline.warehouse.model import Model
from pipeline.warehouse.views import quoted, text

LOCAL_DATE: Final = "local_date"
# Months since the year 0; -1 for a row without a date.
MONTH_NUMBER: Final = f"coalesce(year({LOCAL_DATE}) * 12 + month({LOCAL_DATE}) - 1, -1)"


def forget_changes(connection: duckdb.DuckDBPyConnection) -> None:
    """Begin with no change noted."""
    connection.execute("create or replace table main.changed (model varchar, local_date date, moved_column varchar)")


def note_difference(connection: duckdb.DuckDBPyConnection, model: Model, *, old: str, new: str) -> None:
    """Note the dates on which two relations with a model's columns differ; a model without dates has one, null.

    Rows are compared by the sums of their hashes: they come in any order, and sorting them would cost ten times more.
    """
    day = LOCAL_DATE if LOCAL_DATE in model.columns else "null::date"
    columns = ", ".join(map(quoted, model.columns))
    sums = f"select {day} as local_date, count(*) as n, sum(hash({columns})) as hashes from"
    connection.execute(f"""
        insert into main.changed
        select distinct {text(model.name)}, local_date, null
        from (
            from ({sums} {old} group by all) union all from ({sums} {new} group by all)
        )
        group by local_date, n, hashes
        having count(*) = 1
    """)


def note_moves(connection: duckdb.DuckDBPyConnection, model: Model, *, rows: str) -> None:
    """Note the dates of rows that differ only in the columns which a model `moves`."""
    day = LOCAL_DATE if LOCAL_DATE in model.columns else "null::date"
    for column in model.moves:
        connection.execute(
            f"insert into main.changed select distinct {text(model.name)}, {day}, {text(column)} from {rows}"
        )


def is_changed(connection: duckdb.DuckDBPyConnection, names: Collection[str], *, readers: Iterable[Model]) -> bool:
    """Whether any of some models has changes that matter to those who read it."""
    return connection.execute(f"select 1 {_changes(names, readers)} limit 1").fetchone() is not None


def changed_dates(
    connection: duckdb.DuckDBPyConnection, names: Collection[str], *, readers: Iterable[Model]
) -> list[date | None]:
    """The dates of such changes."""
    rows = connection.execute(f"select distinct local_date {_changes(names, readers)} order by all").fetchall()
    return [day for (day,) in rows]


def changed_months(connection: duckdb.DuckDBPyConnection, model: Model) -> list[int]:
    """The numbers of the months of a model's changed rows."""
    rows = connection.execute(
        f"select distinct {MONTH_NUMBER} from main.changed where model = {text(model.name)} order by all"
    ).fetchall()
    return [number for (number,) in rows]


def _changes(names: Collection[str], readers: Iterable[Model]) -> str:
    """Moved columns matter only where one of the readers names them: none passes on what it does not name."""
    read = "\n".join(model.sql for model in readers)
    among = ", ".join(map(text, sorted(names))) or "null"
    return f"""
        from main.changed where model in ({among})
        and (moved_column is null or regexp_matches({text(read)}, '\\b' || moved_column || '\\b'))
    """
