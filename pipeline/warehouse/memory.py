"""Runs all models at once over sources that are already there, as tests and experiments do."""

from __future__ import annotations

import duckdb

from pipeline.warehouse.compute import compute, create_schemas
from pipeline.warehouse.models import Models


def run_in_memory(connection: duckdb.DuckDBPyConnection, models: Models) -> None:
    """Compute every model as a table of the connection's current catalog.

    Args:
        connection: its current catalog has the schemas `raw` and `settings`, filled.
        models: from `load_models`.

    Raises:
        ModelError: a model failed; the message names file and line.
    """
    create_schemas(connection)
    for model in models:
        compute(connection, model)
