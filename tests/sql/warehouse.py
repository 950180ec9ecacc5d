"""Runs the models over rows that a test gives, in memory, and hands out what they computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import duckdb
import msgspec
import pyarrow as pa

from pipeline.lake.tables import TABLES
from pipeline.metrics_settings import WarehouseSettings, check_warehouse
from pipeline.warehouse.deed_facts import ERASURE_BATCHES
from pipeline.warehouse.memory import run_in_memory
from pipeline.warehouse.models import Models, load_models
from pipeline.warehouse.settings_tables import fill_settings
from pipeline.warehouse.sources import RESTRICTED
from pipeline.warehouse.views import BURYING_REASONS
from tests.sql.reference.moments import to_ms

APP: Final = "a1"
EXPORTED_AT: Final = datetime(2024, 1, 1, tzinfo=UTC)
DEFAULTS: Final[Mapping[str, Any]] = {"app_id": APP, "exported_at": EXPORTED_AT, "run_id": "run"}
SCHEMAS: Final = ("staging", "intermediate", "marts")

_TEXT, _MS = pa.string(), pa.int64()
_COUNTS: Final = ("n_known", "n_walked", "n_gone", "n_failed", "n_pending")
LEDGER_TABLES: Final[Mapping[str, pa.Schema]] = {
    "app_as_of": pa.schema([("app_id", _TEXT), ("as_of_ms", _MS)]),
    "incomplete_conversations": pa.schema([("app_id", _TEXT), ("conversation_id", _TEXT)]),
    "walked_conversations": pa.schema([("app_id", _TEXT), ("conversation_id", _TEXT), ("n_messages", _MS)]),
    "user_merges": pa.schema([("app_id", _TEXT), ("discarded_user_id", _TEXT), ("surviving_user_id", _TEXT)]),
    "restricted": RESTRICTED,
    "erasure_batches": ERASURE_BATCHES,
    "coverage": pa.schema([("app_id", _TEXT), ("entity", _TEXT), *((name, _MS) for name in _COUNTS)]),
}


@cache
def models() -> Models:
    """The models that come with the product."""
    return load_models()


class Warehouse:
    """Models computed over given rows.

    Args:
        tables: rows of lake tables and of the ledger's facts, as `History` has them.
        written: the `[warehouse]` part of the settings.
    """

    def __init__(self, tables: Mapping[str, Sequence[Mapping[str, Any]]], written: Mapping[str, Any]) -> None:
        self.connection = duckdb.connect(config={"threads": 1, "python_enable_replacements": False})
        self.connection.execute("set TimeZone = 'UTC'; create schema raw")
        for name, schema in _schemas().items():
            self._create(f"raw.{name}", pa.Table.from_pylist(list(tables.get(name, ())), schema=schema))
        reasons = ", ".join(f"'{reason}'" for reason in BURYING_REASONS)
        self.connection.execute(f"""
            create table raw.buried as
            select app_id, entity, entity_id, max(seen_at) as seen_at
            from raw.tombstones where reason in ({reasons}) group by all
        """)
        settings = msgspec.convert(written, WarehouseSettings)
        check_warehouse(settings)
        first_ms, last_ms = span(tables)
        fill_settings(self.connection, settings, first_ms=first_ms, last_ms=last_ms)

    def run(self) -> Warehouse:
        """Compute all models."""
        run_in_memory(self.connection, models())
        return self

    def close(self) -> None:
        """Give back the memory."""
        self.connection.close()

    def replace_settings(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Put other rows into a table of the schema `settings`."""
        self.connection.register("given", pa.Table.from_pylist([dict(row) for row in rows]))
        self.connection.execute(f"delete from settings.{table}")
        self.connection.execute(f"insert into settings.{table} by name select * from temp.main.given")
        self.connection.unregister("given")

    def tables_of(self, schema: str) -> set[str]:
        """The names of the tables of a schema."""
        found = self.connection.execute(
            "select table_name from information_schema.tables where table_schema = $schema", {"schema": schema}
        )
        return {name for (name,) in found.fetchall()}

    def columns(self, relation: str) -> dict[str, str]:
        """The columns of a table such as `marts.fct_turns`, and DuckDB's names of their types."""
        return {row[0]: row[1] for row in self.connection.execute(f"describe {relation}").fetchall()}

    def rows(self, model: str) -> list[dict[str, Any]]:
        """The rows of a model, in no order.

        Raises:
            KeyError: there is no such model.
        """
        result = self.connection.execute(f"select * from {self.relation(model)}")
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def relation(self, model: str) -> str:
        """The qualified name of a model."""
        for found in models():
            if found.table == model:
                return found.name
        raise KeyError(model)

    def _create(self, name: str, table: pa.Table) -> None:
        self.connection.register("given", table)
        self.connection.execute(f"create or replace table {name} as select * from temp.main.given")
        self.connection.unregister("given")


def span(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> tuple[int, int]:
    """The first and the last moment that any row tells of; the last may be that of an export."""
    names = (("messages", "received_at"), ("conversations", "created_at"), ("events", "created_at"))
    moments = [to_ms(row[column]) for table, column in names for row in tables.get(table, ()) if row.get(column)]
    moments += [row["as_of_ms"] for row in tables.get("app_as_of", ())]
    exported = [to_ms(row["exported_at"]) for row in tables.get("conversations", ())]
    return (min(moments), max([*moments, *exported])) if moments else (0, 0)


@cache
def _schemas() -> dict[str, pa.Schema]:
    schemas = dict(LEDGER_TABLES)
    for table in TABLES.values():
        partitions = [pa.field(name, _TEXT) for name in table.partitions]
        schemas[table.name] = pa.schema([*partitions, *table.schema])
    return schemas
