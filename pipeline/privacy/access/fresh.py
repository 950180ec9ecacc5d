"""Writes what upstream tells into files like those of the lake, and counts what the lake did not know."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import pyarrow.parquet as pq

from pipeline.lake.lookup import BOOKKEEPING
from pipeline.lake.rows import encode_rows, to_arrow
from pipeline.lake.tables import TABLES
from pipeline.lake.writer import parquet_writer
from pipeline.privacy.access.source import MINE, Source, newest
from pipeline.privacy.access.told import RUN_ID
from pipeline.warehouse.views import quoted

_GROUP: Final = 1_000


class FreshFiles:
    """One file for each table, filled in groups of rows; leaving the context completes them.

    Args:
        folder: a private folder.
        at: what the rows say of when they were received: the moment from which on upstream was asked.
    """

    def __init__(self, folder: Path, *, at: datetime) -> None:
        self.at = at
        self.paths: dict[str, Path] = {}
        self._folder = folder
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._waiting: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def put(self, name: str, records: Sequence[msgspec.Raw], parents: Mapping[str, str | None] | None = None) -> None:
        """Take whole records of one table; `parents` are their owner's columns, such as `{"user_id": ...}`.

        Raises:
            RowError: a record is none; nothing of these is taken.
        """
        rows = encode_rows(TABLES[name], records, parents=parents or {}, exported_at=self.at, run_id=RUN_ID)
        waiting = self._waiting[name]
        waiting += rows
        if len(waiting) >= _GROUP:
            self._write(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for name in list(self._waiting) if error is None else ():
                self._write(name)
        finally:
            for writer in self._writers.values():
                writer.close()

    def _write(self, name: str) -> None:
        rows = self._waiting.pop(name)
        if not rows:
            return
        if name not in self._writers:
            self.paths[name] = self._folder / f"fresh-{name}.parquet"
            self._writers[name] = parquet_writer(self.paths[name], TABLES[name])
        self._writers[name].write_table(to_arrow(TABLES[name], rows))


def count_differences(source: Source, files: Mapping[str, Path]) -> dict[str, int]:
    """How many of the subject's rows the lake did not hold, or held in another form, by table."""
    return {name: source.fetch(_difference(name))[0][0] for name in sorted(files)}


def _difference(name: str) -> str:
    table = TABLES[name]
    key = quoted(table.key[0])
    columns = [quoted(column) for column in table.schema.names if column not in (*BOOKKEEPING, *table.key)]
    same = " and ".join(f"held.{column} is not distinct from fresh.{column}" for column in columns)
    held = f"""
        select * from {name}_files where run_id <> '{RUN_ID}' and {key} in (select {key} from fresh)
        qualify row_number() over (partition by {key} order by exported_at desc, run_id desc) = 1
    """
    return f"""
        with fresh as ({newest(table, f"run_id = '{RUN_ID}' and {MINE[name]}")}),
        held as ({held})
        select count(*) from fresh left join held using ({key}) where held.exported_at is null or not ({same})
    """
