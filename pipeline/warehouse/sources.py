"""What models read: schema `raw`, all of the lake or only some conversations of it, and what the ledger adds.

`lake.<table>` holds all rows of a snapshot, `raw.<table>` those of the conversations that are being computed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Sequence
from typing import Final, Literal

import duckdb
import pyarrow as pa

from pipeline.lake.tables import TABLES
from pipeline.warehouse.ledger_facts import LedgerFacts
from pipeline.warehouse.model import Model
from pipeline.warehouse.snapshot import LakeFile, Snapshot
from pipeline.warehouse.views import BURYING_REASONS, quoted, text, type_of

# The tables whose rows belong to a conversation each.
CONVERSATION_TABLES: Final = ("messages", "conversations", "participants", "events")
LEDGER_TABLES: Final = (
    "app_as_of",
    "incomplete_conversations",
    "user_merges",
    "coverage",
    "walked_conversations",
    "erasure_batches",
)


Restricted = Collection[tuple[Literal["user", "conversation"], str]]
"""Kinds and ids of users and conversations that models must not show, though they are in the lake."""
RESTRICTED: Final = pa.schema([("kind", pa.string()), ("id", pa.string())])


def create_sources(
    connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, facts: LedgerFacts, *, restricted: Restricted = ()
) -> None:
    """Create schema `lake` in the current catalog: the snapshot's tables, what is buried, and the ledger's facts.

    `lake.restricted(kind, id)` holds what staging models leave out with all that belongs to it.

    Raises:
        duckdb.Error: a file is damaged or was merged away since.
    """
    snapshot.lake.store.attach(connection)
    connection.execute("create schema lake")
    for name in TABLES:
        connection.execute(f"create view lake.{name} as {select_files(snapshot, snapshot.of(name), name)}")
    reasons = ", ".join(map(text, BURYING_REASONS))
    connection.execute(f"""
        create table lake.buried as
        select app_id, entity, entity_id, max(seen_at) as seen_at
        from lake.tombstones
        where reason in ({reasons})
        group by all
    """)
    for name in LEDGER_TABLES:
        _create(connection, name, getattr(facts, name))
    rows = [{"kind": kind, "id": each} for kind, each in sorted(set(restricted))]
    _create(connection, "restricted", pa.Table.from_pylist(rows, schema=RESTRICTED))


def show_all(connection: duckdb.DuckDBPyConnection) -> None:
    """Let `raw` show every row of the lake."""
    connection.execute("create schema if not exists raw")
    for name in (*TABLES, "buried", "restricted", *LEDGER_TABLES):
        connection.execute(f"create or replace view raw.{name} as select * from lake.{name}")


def moments(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Between which moments in ms the lake's messages, conversations and events lie; now, where there are none."""
    found = connection.execute("""
        select epoch_ms(min(first_at)), epoch_ms(max(last_at)) from (
            select min(received_at) as first_at, max(received_at) as last_at from lake.messages
            union all
            select min(created_at), max(created_at) from lake.conversations
            union all
            select min(created_at), max(created_at) from lake.events
        )
    """).fetchone()
    now = time.time_ns() // 1_000_000
    first, last = found or (None, None)
    return (now if first is None else first), max(now, last or now)


def show_range(connection: duckdb.DuckDBPyConnection, low: str | None, high: str | None) -> None:
    """Let `raw` show the conversations with ids from `low` (None: the first) up to but not including `high`."""
    bounds = []
    if low is not None:
        bounds.append(f"conversation_id >= {text(low)}")
    if high is not None:
        bounds.append(f"conversation_id < {text(high)}")
    condition = " and ".join(bounds) or "conversation_id is not null"
    for name in CONVERSATION_TABLES:
        connection.execute(f"create or replace view raw.{name} as select * from lake.{name} where {condition}")


def show_touched(connection: duckdb.DuckDBPyConnection, readers: Collection[Model]) -> None:
    """Let `raw` show the conversations in `main.touched(app_id, conversation_id)`, with the columns that readers name.

    They are copied, since it takes reading all of the lake to find them.
    """
    for name in CONVERSATION_TABLES:
        read = "\n".join(model.sql for model in readers if f"raw.{name}" in model.references)
        columns = [column for column in _column_names(name) if column == "app_id" or re.search(rf"\b{column}\b", read)]
        shown = ", ".join(f"rows_of.{quoted(column)}" for column in columns)
        connection.execute(f"""
            create or replace table main.touched_{name} as
            select {shown} from lake.{name} as rows_of semi join main.touched using (app_id, conversation_id);
            create or replace view raw.{name} as from main.touched_{name}
        """)


def forget_touched(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop what `show_touched` copied."""
    for name in CONVERSATION_TABLES:
        connection.execute(f"drop view raw.{name}; drop table main.touched_{name}")


def select_files(snapshot: Snapshot, files: Sequence[LakeFile], name: str) -> str:
    """A SELECT of all columns of a table from some of its files; of no row where there are none."""
    table, columns = TABLES[name], _column_names(name)
    if not files:
        typed = ", ".join(f"null::{type_of(table, column)} as {quoted(column)}" for column in columns)
        return f"select {typed} where false"
    paths = ", ".join(text(snapshot.lake.store.url(file.path)) for file in files)
    types = ", ".join(f"'{partition}': varchar" for partition in table.partitions)
    return (
        f"select {', '.join(map(quoted, columns))} "
        f"from read_parquet([{paths}], hive_partitioning = true, hive_types = {{{types}}})"
    )


def _column_names(name: str) -> list[str]:
    table = TABLES[name]
    return [*table.partitions, *(column.name for column in table.columns)]


def _create(connection: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    connection.register("given_rows", rows)
    connection.execute(f"create table lake.{name} as select * from given_rows")
    connection.unregister("given_rows")
