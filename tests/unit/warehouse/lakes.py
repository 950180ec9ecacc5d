"""Writes small lakes for tests, file by file, as an export would leave them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.lake.layout import open_lake
from pipeline.lake.tables import TABLES
from pipeline.warehouse.connection import connect
from pipeline.warehouse.query import run

APP = "5d8cff3cd55b040010928b5b"
OTHER_APP = "000000000000000000000001"
START = datetime(2026, 3, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """A moment so many seconds after the start of March 2026."""
    return START + timedelta(seconds=seconds)


class LakeFiles:
    """A lake in a folder, to which files can be added."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._files = 0
        self._connection: duckdb.DuckDBPyConnection | None = None
        open_lake(root, create=True)

    def add(
        self, table: str, *rows: Mapping[str, Any], app_id: str = APP, month: str = "2026-03", name: str = ""
    ) -> Path:
        """Write one file of rows; columns that a row does not name are null, but `exported_at` and `run_id`."""
        self._files += 1
        self.close()
        folder = self.root / table / f"app_id={app_id}"
        if table == "messages":
            folder /= f"month={month}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name or f'{self._files:04d}'}-0.parquet"
        usual = {"exported_at": START, "run_id": "run"}
        filled = [usual | dict(row) for row in rows]
        pq.write_table(pa.Table.from_pylist(filled, schema=TABLES[table].schema), path)
        return path

    def bury(self, entity: str, entity_id: str, *, seen_at: float, reason: str = "gone", app_id: str = APP) -> None:
        """Write a tombstone."""
        row = {"entity": entity, "entity_id": entity_id, "seen_at": at(seen_at), "reason": reason}
        self.add("tombstones", row, app_id=app_id)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query over the lake as it is now."""
        if self._connection is None:
            self._connection = connect(self.root)
        results = run(self._connection, query, root=self.root)
        return [row for result in results for batch in result.batches() for row in batch]

    def close(self) -> None:
        """Close the connection that `ask` opened; the next question opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def message(
    message_id: str, text: str = "", *, exported: float = 0, conversation: str = "c1", **fields: Any
) -> dict[str, Any]:
    """A row of messages."""
    return {
        "message_id": message_id,
        "conversation_id": conversation,
        "text": text,
        "received_at": START,
        "exported_at": at(exported),
        **fields,
    }


def talk(conversation: str, turns: Sequence[tuple[float, str, str]]) -> list[dict[str, Any]]:
    """Messages of one conversation: seconds, author type and source type of each."""
    return [
        message(
            f"{conversation}-{number:03d}",
            conversation=conversation,
            received_at=at(seconds),
            author_type=author,
            source_type=source,
        )
        for number, (seconds, author, source) in enumerate(turns)
    ]
