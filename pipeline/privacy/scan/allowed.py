"""Rows that may stay although they mention a subject: those that mentions=report lists (gdpr.md, section 5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import pyarrow as pa

from pipeline.lake.tables import TABLES

RowKey: TypeAlias = tuple[str, str, tuple[str, ...]]
"""Table, app id, and the values of the table's key columns."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The table and the app of rows, as far as their file tells."""

    table: str | None
    app_id: str | None


class Allowed:
    """A set of rows. Rows of models are known by what they tell of, such as a message or a conversation."""

    def __init__(self, rows: Iterable[RowKey] = ()) -> None:
        self._rows: dict[str, set[tuple[str, tuple[str, ...]]]] = defaultdict(set)
        for table, app_id, key in rows:
            self._rows[table].add((app_id, key))

    def has(self, batch: pa.RecordBatch, row: int, origin: Origin) -> bool:
        """Whether a row of a batch is in the set."""
        tables = [origin.table] if origin.table is not None else list(self._rows)
        app_id = batch["app_id"][row].as_py() if "app_id" in batch.schema.names else origin.app_id
        return any(self._is_of(table, app_id, batch, row) for table in tables if self._rows.get(table))

    def _is_of(self, table: str, app_id: str | None, batch: pa.RecordBatch, row: int) -> bool:
        columns = [name for name in TABLES[table].key if name in TABLES[table].schema.names]
        if not set(columns) <= set(batch.schema.names):
            return False
        return (app_id, tuple(batch[column][row].as_py() for column in columns)) in self._rows[table]
