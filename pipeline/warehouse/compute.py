"""Computes models into the current catalog of a connection: one table each, its columns as its header says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

import duckdb

from pipeline.errors import ModelError
from pipeline.warehouse.model import SCHEMAS, Model

Visit = Callable[[duckdb.DuckDBPyConnection, Model], None]
"""Told of a model when its rows are there, by its name."""

_LINE: Final = re.compile(r"\bLINE (\d+):")


def compute(connection: duckdb.DuckDBPyConnection, model: Model) -> int:
    """Compute one model as a table of the current catalog, which holds what it reads; returns how many rows it has.

    A view is only created, and has no rows of its own.

    Raises:
        ModelError: the SELECT failed, or gives other columns than the header describes.
        duckdb.OutOfMemoryException, duckdb.IOException: not the model's fault.
    """
    # The file's text follows on the same line, so that DuckDB counts lines as the file does.
    try:
        counted = connection.execute(f"create or replace {_kind(model)} {model.name} as {model.sql}").fetchone()
    except (duckdb.OutOfMemoryException, duckdb.IOException, duckdb.InterruptException):
        raise
    except duckdb.Error as error:
        raise model_error(model, error) from None
    _check_columns(connection, model)
    return int(counted[0]) if counted else 0


def drop(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    """Drop what `compute` made, if it is there."""
    connection.execute(f"drop {_kind(model)} if exists {model.name}")


def create_schemas(connection: duckdb.DuckDBPyConnection, schemas: Iterable[str] = SCHEMAS) -> None:
    """Create the schemas of models in the current catalog, empty."""
    for schema in schemas:
        connection.execute(f"drop schema if exists {schema} cascade; create schema {schema}")


def model_error(model: Model, error: duckdb.Error) -> ModelError:
    """DuckDB's error with the file and line that it is about."""
    words = str(error)
    found = _LINE.search(words)
    return ModelError(f"{model.path}:{found[1] if found else 1}: {words}")


def _kind(model: Model) -> str:
    return "view" if model.is_view else "table"


def _check_columns(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    given = [row[0] for row in connection.execute(f"describe {model.name}").fetchall()]
    for name in model.key:
        if name not in given:
            raise ModelError(f"{model.path}:1: {name} is in the key, but the SELECT does not give it")
    described = list(model.columns)
    if not described or given == described:
        return
    missing = [name for name in given if name not in model.columns]
    extra = [name for name in described if name not in given]
    if missing:
        raise ModelError(f"{model.path}:1: the SELECT gives {missing[0]}, which has no `-- column {missing[0]}:` line")
    if extra:
        raise ModelError(f"{model.path}:1: the header describes {extra[0]}, which the SELECT does not give")
    raise ModelError(f"{model.path}:1: the header describes the columns in another order than the SELECT gives them")
