"""What the lake already holds, asked at commit time: which rows are new, and which of its own are gone upstream.

Only sweeps and changed sets ask. Every question is about a range of parents, so that in a compacted lake the statistics
of the row groups leave little to read; a sweep walks conversations in the order of their ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.bounded import connect_bounded
from pipeline.lake.commit import live_files
from pipeline.lake.corruption import corruption
from pipeline.lake.layout import Lake
from pipeline.lake.steady import read_steadily
from pipeline.lake.tables import Table
from pipeline.spill import spill_folder
from pipeline.walk.ledger import Ledger
from pipeline.walk.step import Reconcile, Tombstone

MEMORY_LIMIT = "1GB"
# Bookkeeping says when a row was read, not what it says.
BOOKKEEPING = ("exported_at", "run_id")

Answer = TypeVar("Answer")


class Lookup:
    """Questions about one app's rows that are published."""

    def __init__(self, lake: Lake, ledger: Ledger, app_id: str) -> None:
        self._lake = lake
        self._ledger = ledger
        self._app_id = app_id

    def differing(self, table: Table, rows: pa.Table) -> pa.Table:
        """Those of the rows that the lake does not hold in just this form below the same parent, or holds as gone."""
        assert table.parent is not None
        bounds = pc.min_max(rows[table.parent])
        key = table.key[0]
        columns = [name for name in table.schema.names if name not in BOOKKEEPING]
        same = " and ".join(f'found."{name}" is not distinct from held."{name}"' for name in columns if name != key)
        below = f"\"{table.parent}\" between '{bounds['min']}' and '{bounds['max']}'"

        def ask(duck: duckdb.DuckDBPyConnection) -> pa.Table:
            duck.register("found", rows)
            _create_held(duck, table, f'{below} and "{key}" in (select "{key}" from found)')
            query = (
                f'select found.* from found left join held using ("{key}") where held."{key}" is null or not ({same})'
            )
            return duck.sql(query).to_arrow_table().cast(table.schema)

        return self._answer(table, ask, unless_any=rows)

    def missing(self, table: Table, reconciles: Sequence[Reconcile], *, arriving: Sequence[str]) -> list[Tombstone]:
        """Tombstones for what the lake shows below these parents and upstream no longer has.

        `arriving` are keys that are written by the same commit: what moved to another parent is not gone.
        """
        last = {reconcile.parent_id: reconcile for reconcile in reconciles}
        present = {item for reconcile in last.values() for item in reconcile.present}.union(arriving)
        key, parent = f'"{table.key[0]}"', f'"{table.parent}"' if table.parent else "''"

        def ask(duck: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
            duck.register("parents", pa.table({"parent": pa.array(list(last), pa.string())}))
            duck.register("present", pa.table({"key": pa.array(list(present), pa.string())}))
            duck.execute(f"""
                create temp table candidates as
                select distinct {key} as key from files
                where {parent} between (select min(parent) from parents) and (select max(parent) from parents)
                  and {parent} in (select parent from parents) and {key} not in (select key from present)
            """)
            if not duck.execute("select count(*) from candidates").fetchall()[0][0]:
                return []
            # The newest version decides, wherever it is: it may have moved to a parent that is not asked about.
            _create_held(duck, table, f"{key} in (select key from candidates)")
            query = f"select {parent}, {key} from held where {parent} in (select parent from parents)"
            return duck.execute(query).fetchall()

        gone = self._answer(table, ask, unless_any=list[tuple[str, str]]())
        return [
            Tombstone(table.entity, item, last[parent_id].seen_at, last[parent_id].reason) for parent_id, item in gone
        ]

    def _answer(
        self, table: Table, ask: Callable[[duckdb.DuckDBPyConnection], Answer], *, unless_any: Answer
    ) -> Answer:
        """The answer to a question about the views `files` and `tombstones`, if the lake holds a file of the table.

        An erasure may replace files meanwhile, so they are read steadily.

        Raises:
            CorruptLakeError: a file can't be read.
        """

        def read(_: Sequence[Path]) -> Answer:
            with self._files(table) as duck:
                return unless_any if duck is None else ask(duck)

        names = (table.name, "tombstones")
        return read_steadily(lambda: [Path(path) for name in names for path in self._paths(name)], read)

    @contextmanager
    def _files(self, table: Table) -> Iterator[duckdb.DuckDBPyConnection | None]:
        """A connection with the views `files` and `tombstones`; None if the lake holds no file of the table.

        Raises:
            CorruptLakeError: a file can't be read.
        """
        files = self._paths(table.name)
        if not files:
            yield None
            return
        tombstones = self._paths("tombstones")
        bounded = connect_bounded(spill_folder(self._lake.private), memory_limit=MEMORY_LIMIT)
        with bounded as duck, corruption([*files, *tombstones]):
            self._lake.store.attach(duck)
            duck.read_parquet(files).create_view("files")
            if tombstones:
                duck.read_parquet(tombstones).create_view("tombstones")
            else:
                duck.execute("create temp table tombstones (entity varchar, entity_id varchar, seen_at timestamptz)")
            yield duck

    def _paths(self, table: str) -> list[str]:
        return [self._lake.store.url(path) for path in live_files(self._ledger, self._app_id, table)]


def _create_held(duck: duckdb.DuckDBPyConnection, table: Table, condition: str) -> None:
    """Create `held`: the newest version of the rows that satisfy the condition, without the buried ones."""
    key = f'"{table.key[0]}"'
    duck.execute(f"""
        create temp table held as
        with newest as (
            select * from files where {condition}
            qualify row_number() over (partition by {key} order by exported_at desc, run_id desc) = 1
        )
        select newest.* from newest
        where not exists (
            select 1 from tombstones
            where entity = '{table.entity}' and entity_id = newest.{key} and seen_at >= newest.exported_at
        )
    """)
