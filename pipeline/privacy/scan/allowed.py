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
    """A set of rows. Rows of models are known by the message that they tell of, if they name it."""

    def __init__(self, rows: Iterable[RowKey] = ()) -> None:
        self._rows: dict[str, set[tuple[str, tuple[str, ...]]]] = defaultdict(set)
        for table, app_id, key in rows:
            self._rows[table].add((app_id, key))

    def has(self, batch: pa.RecordBatch, row: int, origin: Origin) -> bool:
        """Whether a row of a batch is in the set."""
        table = origin.table or "messages"
        keys = self._rows.get(table)
        if not keys:
            return False
        names = batch.schema.names
        columns = TABLES[table].key
        if not set(columns) <= set(names):
            return False
        app_id = batch["app_id"][row].as_py() if "app_id" in names else origin.app_id
        return (app_id, tuple(batch[column][row].as_py() for column in columns)) in keys
