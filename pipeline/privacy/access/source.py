"""What the lake holds of one person, in its newest version, also below tombstones; streamed, in a fixed order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import duckdb
import pyarrow as pa

from pipeline.bounded import connect_bounded
from pipeline.lake.commit import live_files
from pipeline.lake.corruption import corruption
from pipeline.lake.layout import Lake
from pipeline.lake.tables import TABLES, Table
from pipeline.privacy.access.told import RUN_ID, Told
from pipeline.suppression.subjects import Subject
from pipeline.walk.ledger import Ledger
from pipeline.warehouse.views import BURYING_REASONS, OWNERS, quoted, text

Row: TypeAlias = "dict[str, Any]"

MEMORY_LIMIT: Final = "1GB"
BATCH_ROWS: Final = 2_000
COPIED: Final = ("users", "clients", "devices", "conversations", "participants", "messages", "events")
"""Tables that hold personal data of a customer's users; the others describe the business's own set-up."""

READ_BY: Final[Mapping[str, str]] = {
    "users": "user_id",
    "clients": "user_id",
    "devices": "user_id",
    "conversations": "conversation_id",
    "participants": "conversation_id",
    "messages": "conversation_id",
}
"""The column by which `Told.read` says of what everything was read."""

MINE: Final[Mapping[str, str]] = {
    "users": "user_id in (select id from own_users)",
    "clients": "user_id in (select id from own_users)",
    "devices": "user_id in (select id from own_users)",
    "conversations": "conversation_id in (select id from chats)",
    "participants": "user_id in (select id from own_users)",
    "messages": "(conversation_id in (select id from chats) or author_user_id in (select id from own_users)"
    " or message_id in (select id from own_messages))",
    "events": "(user_id in (select id from own_users) or conversation_id in (select id from chats where not is_group))",
}
_ORDERS: Final[Mapping[str, str]] = {
    "conversations": "created_at nulls last, conversation_id",
    "messages": "coalesce(begun_at, first_at) nulls last, newest.conversation_id, received_at nulls last, message_id",
    "events": "created_at nulls last, event_id",
}


@dataclass(frozen=True, slots=True)
class Source:
    """An open lake, asked for one subject. Temporary data lies in `folder` only.

    Args:
        duck: the connection, with a view `<table>_files` for each table and the subject's ids as tables.
        folder: a private folder that is removed afterwards.
    """

    duck: duckdb.DuckDBPyConnection
    folder: Path

    def rows(self, name: str) -> Iterator[Row]:
        """The subject's rows of one table, each with `copy_state` and `copy_state_at`.

        `copy_state` is `current`, or the reason of the newest tombstone above this version of the row, or `gone` where
        upstream was asked for this copy and did not tell of the row any more.
        """
        # A cursor of its own, since a query in between would end the reading.
        reader: Any = self.duck.cursor().sql(_query(TABLES[name])).to_arrow_reader(BATCH_ROWS)
        for batch in reader:
            yield from batch.to_pylist()

    def fetch(self, query: str) -> list[tuple[Any, ...]]:
        """All rows of a small query."""
        return self.duck.cursor().execute(query).fetchall()


@contextmanager
def open_source(lake: Lake, ledger: Ledger, subject: Subject, *, folder: Path, told: Told) -> Iterator[Source]:
    """Ask the lake, and what upstream has just told, about a subject.

    Args:
        lake: the lake.
        ledger: its ledger, which says what is published.
        subject: the person.
        folder: for what does not fit into memory.
        told: what upstream told.

    Raises:
        CorruptLakeError: a file can't be read.
    """
    store = lake.store
    files = {name: [store.url(path) for path in live_files(ledger, subject.app_id, name)] for name in TABLES}
    bounded = connect_bounded(folder / "spill", memory_limit=MEMORY_LIMIT)
    with bounded as duck, corruption([path for paths in files.values() for path in paths]):
        store.attach(duck)
        duck.execute("set global TimeZone = 'UTC'")
        for name, paths in files.items():
            _create_view(duck, name, paths + ([str(told.files[name])] if name in told.files else []))
        _create_ids(duck, subject)
        _create_read(duck, told)
        yield Source(duck, folder)


def newest(table: Table, condition: str) -> str:
    """SQL for the newest version of the rows of which that version satisfies the condition, wherever it is."""
    key = quoted(table.key[0])
    return f"""
        select * from (
            select * from {table.name}_files
            where {key} in (select {key} from {table.name}_files where {condition})
            qualify row_number() over (partition by {key} order by exported_at desc, run_id desc) = 1
        ) where {condition}
    """


def _query(table: Table) -> str:
    owners = [(table.entity, table.key[0]), *((owner, f"{owner}_id") for owner in OWNERS.get(table.name, ()))]
    joins = ""
    for place, (entity, column) in enumerate(owners):
        reasons = "" if place == 0 else f"and tomb{place}.reason in ({', '.join(map(text, BURYING_REASONS))})"
        joins += f"""
            left join buried as tomb{place}
                on tomb{place}.entity = {text(entity)} and tomb{place}.entity_id = newest.{quoted(column)}
                and tomb{place}.seen_at >= newest.exported_at {reasons}
        """
    tombs = range(len(owners))
    states = [f"tomb{place}.reason" for place in tombs]
    moments = [f"tomb{place}.seen_at" for place in tombs]
    if table.name in READ_BY:
        joins += f"""
            left join told_whole
                on told_whole.name = {text(table.name)} and told_whole.id = newest.{quoted(READ_BY[table.name])}
                and newest.run_id <> {text(RUN_ID)} and newest.exported_at <= told_whole.asked_at
        """
        states.append("if(told_whole.id is null, null, 'gone')")
        moments.append("told_whole.asked_at")
    if table.name == "messages":
        joins += " left join begun on begun.conversation_id = newest.conversation_id"
    columns = ", ".join(f"newest.{quoted(name)}" for name in table.schema.names)
    order = _ORDERS.get(table.name, quoted(table.key[0]))
    return f"""
        with newest as ({newest(table, MINE[table.name])}),
        begun as (
            select conversation_id, min(created_at) as begun_at, min(received_at) as first_at
            from (
                select conversation_id, created_at, null::timestamptz as received_at from conversations_files
                union all select conversation_id, null, received_at from messages_files
            ) where conversation_id in (select id from chats) group by conversation_id
        )
        select
            {columns},
            coalesce({", ".join(states)}, 'current') as copy_state,
            coalesce({", ".join(moments)}) as copy_state_at
        from newest {joins}
        order by {order}
    """


def _create_view(duck: duckdb.DuckDBPyConnection, name: str, paths: Sequence[str]) -> None:
    if paths:
        duck.read_parquet(list(paths)).create_view(f"{name}_files")
    else:
        _create_table(duck, f"{name}_files", TABLES[name].schema.empty_table())


def _create_ids(duck: duckdb.DuckDBPyConnection, subject: Subject) -> None:
    groups = subject.group_conversation_ids
    whole = (subject.personal_conversation_ids | subject.default_conversation_ids) - groups
    chats = [(key, False) for key in sorted(whole)] + [(key, True) for key in sorted(groups)]
    ids = pa.array([key for key, _ in chats], pa.string())
    _create_table(duck, "chats", pa.table({"id": ids, "is_group": pa.array([group for _, group in chats], pa.bool_())}))
    _create_table(duck, "own_users", pa.table({"id": pa.array(sorted(subject.user_ids), pa.string())}))
    _create_table(duck, "own_messages", pa.table({"id": pa.array(sorted(subject.message_ids), pa.string())}))
    duck.execute("""
        create table buried as
        select entity, entity_id, arg_max(reason, seen_at) as reason, max(seen_at) as seen_at
        from tombstones_files group by entity, entity_id
    """)


def _create_read(duck: duckdb.DuckDBPyConnection, told: Told) -> None:
    pairs = [(name, key) for name, keys in sorted(told.read.items()) for key in sorted(keys)]
    columns = {
        "name": pa.array([name for name, _ in pairs], pa.string()),
        "id": pa.array([key for _, key in pairs], pa.string()),
        "asked_at": pa.array([told.at] * len(pairs), pa.timestamp("us", "UTC")),
    }
    _create_table(duck, "told_whole", pa.table(columns))


def _create_table(duck: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    duck.register("given", rows)
    duck.execute(f"create table {name} as select * from given")
    duck.unregister("given")
