"""Which conversations have to be computed again: whatever a model reads of them is compared with the last build.

Of a partition that has more files than at the last build, the new ones are read: they touch what they hold. One that
lacks a file is read again, narrow columns of it, and the sum over each conversation's rows compared. So it does not
matter who changed the files: an export that added some, a compaction that merged them, or an erasure that took rows
away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import duckdb
import pyarrow as pa

from pipeline.warehouse.models import Models
from pipeline.warehouse.snapshot import LakeFile, Snapshot
from pipeline.warehouse.sources import CONVERSATION_TABLES, select_files
from pipeline.warehouse.views import text

# What changes whenever a version of a row comes or goes. Names of messages are wide, their moments are not.
_FINGERPRINTED: Final = {
    "messages": "hash(exported_at, received_at)",
    "conversations": "hash(exported_at)",
    "participants": "hash(exported_at, participant_id)",
    "events": "hash(exported_at, event_id)",
}
_OWNED: Final = {"message": "messages", "participant": "participants", "event": "events"}
USER_KEYS: Final = "intermediate.int_user_keys"
MOMENTS: Final = "intermediate.int_conversation_moments"
REMEMBERED: Final = ("buried", "incomplete_conversations", "app_as_of")


def fingerprint_all(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot) -> None:
    """Fill `meta.files` and `meta.fingerprints` of the warehouse for every partition of a snapshot."""
    _write_files(connection, snapshot)
    connection.execute("""
        create or replace table warehouse.meta.fingerprints (
            table_name varchar, app_id varchar, month varchar, conversation_id varchar, n bigint, fingerprint hugeint
        )
    """)
    for table in CONVERSATION_TABLES:
        files = snapshot.of(table)
        connection.execute(f"insert into warehouse.meta.fingerprints {_fingerprints(snapshot, files, table)}")


def find_touched(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, models: Models) -> int:
    """Fill `main.touched(app_id, conversation_id)` by comparing with the last build; returns how many there are.

    Fills `main.moved(app_id, conversation_id, known_ms, now_ms)` with those that are only known up to a later moment.
    Brings `meta` of the warehouse up to date on the way. The models that come before conversations are computed.
    """
    connection.execute("create or replace table main.touched_by (app_id varchar, conversation_id varchar)")
    _by_files(connection, snapshot)
    _by_tombstones(connection)
    _by_incompleteness(connection)
    _by_identity(connection, models)
    _by_time(connection, models)
    connection.execute(
        "create or replace table main.touched as select distinct app_id, conversation_id from main.touched_by"
    )
    _find_moved(connection, models)
    return _count(connection, "main.touched")


def remember_inputs(connection: duckdb.DuckDBPyConnection) -> None:
    """Keep in the warehouse what the next build compares with, beside the files."""
    for name in REMEMBERED:
        connection.execute(f"create or replace table warehouse.meta.{name} as select * from lake.{name}")


def _by_files(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot) -> None:
    before = {LakeFile(*row) for row in connection.execute("from warehouse.meta.files").fetchall()}
    now = set(snapshot.files)
    for table in CONVERSATION_TABLES:
        added = [file for file in snapshot.of(table) if file not in before]
        lacking = {_place(file) for file in before - now if file.table == table}
        grown = [file for file in added if _place(file) not in lacking]
        if grown:
            _add(connection, _fingerprints(snapshot, grown, table))
        if lacking:
            files = [file for file in snapshot.of(table) if _place(file) in lacking]
            _compare(connection, table, sorted(lacking), _fingerprints(snapshot, files, table))
    _write_files(connection, snapshot)


def _place(file: LakeFile) -> tuple[str, str]:
    return file.app_id, file.month


def _add(connection: duckdb.DuckDBPyConnection, select_new: str) -> None:
    """Add sums over new files to those that are there: rows of the same conversation belong together."""
    connection.execute(f"""
        create or replace table main.fingerprints_now as {select_new};
        insert into main.touched_by select app_id, conversation_id from main.fingerprints_now;
        insert into warehouse.meta.fingerprints from main.fingerprints_now;
        drop table main.fingerprints_now
    """)


def _compare(
    connection: duckdb.DuckDBPyConnection, table: str, places: Sequence[tuple[str, str]], select_new: str
) -> None:
    among = ", ".join(f"({text(app_id)}, {text(month)})" for app_id, month in places)
    old = f"table_name = {text(table)} and (app_id, month) in ({among})"
    connection.execute(f"create or replace table main.fingerprints_now as {select_new}")
    connection.execute(f"""
        create or replace table main.fingerprints_then as
        select * replace (sum(n)::bigint as n, sum(fingerprint) as fingerprint)
        from warehouse.meta.fingerprints where {old} group by all
    """)
    for left, right in (("now", "then"), ("then", "now")):
        connection.execute(f"""
            insert into main.touched_by
            select app_id, conversation_id
            from (from main.fingerprints_{left} except from main.fingerprints_{right})
        """)
    connection.execute(f"delete from warehouse.meta.fingerprints where {old}")
    connection.execute("insert into warehouse.meta.fingerprints from main.fingerprints_now")
    connection.execute("drop table main.fingerprints_now; drop table main.fingerprints_then")


def _by_tombstones(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("""
        create or replace table main.buried_anew as
        (from lake.buried except from warehouse.meta.buried)
        union all
        (from warehouse.meta.buried except from lake.buried)
    """)
    connection.execute(
        "insert into main.touched_by select app_id, entity_id from main.buried_anew where entity = 'conversation'"
    )
    for entity, table in _OWNED.items():
        _insert_owners(connection, table, f"{entity}_id", entity)
    _insert_owners(connection, "participants", "user_id", "user")


def _insert_owners(connection: duckdb.DuckDBPyConnection, table: str, column: str, entity: str) -> None:
    if not connection.execute("select 1 from main.buried_anew where entity = $entity", {"entity": entity}).fetchone():
        return
    connection.execute(f"""
        insert into main.touched_by
        select owned.app_id, owned.conversation_id
        from lake.{table} as owned
        join main.buried_anew as anew
            on anew.app_id = owned.app_id and anew.entity_id = owned.{column} and anew.entity = {text(entity)}
        where owned.conversation_id is not null
    """)


def _by_incompleteness(connection: duckdb.DuckDBPyConnection) -> None:
    now, then = "lake.incomplete_conversations", "warehouse.meta.incomplete_conversations"
    for left, right in ((now, then), (then, now)):
        connection.execute(f"insert into main.touched_by from (from {left} except from {right})")


def _by_identity(connection: duckdb.DuckDBPyConnection, models: Models) -> None:
    """A merge gives other keys to the conversations of both users (metrics.md, R4)."""
    if USER_KEYS not in models.by_name:
        return
    connection.execute(f"""
        create or replace table main.keys_anew as
        with changed as (
            (from {USER_KEYS} except from warehouse.{USER_KEYS})
            union all
            (from warehouse.{USER_KEYS} except from {USER_KEYS})
        )
        select app_id, user_id as user_key from changed
        union
        select app_id, user_key from changed
    """)
    if not _count(connection, "main.keys_anew"):
        return
    for model in models.conversation:
        if model.is_stored and "user_key" in model.columns:
            connection.execute(f"""
                insert into main.touched_by
                select app_id, conversation_id
                from warehouse.{model.name} semi join main.keys_anew using (app_id, user_key)
            """)


def _by_time(connection: duckdb.DuckDBPyConnection, models: Models) -> None:
    connection.execute("""
        create or replace table main.apps_later as
        select app_id, as_of_ms as now_ms from (from lake.app_as_of except from warehouse.meta.app_as_of)
    """)
    for model in models.conversation:
        if model.is_stored and model.unsettled:
            connection.execute(f"""
                insert into main.touched_by
                select distinct app_id, conversation_id
                from warehouse.{model.name} inner join main.apps_later using (app_id)
                where {model.unsettled}
            """)


def _find_moved(connection: duckdb.DuckDBPyConnection, models: Models) -> None:
    connection.execute(
        "create or replace table main.moved (app_id varchar, conversation_id varchar, known_ms bigint, now_ms bigint)"
    )
    if MOMENTS in models.by_name:
        connection.execute(f"""
            insert into main.moved
            select app_id, conversation_id, known_ms, greatest(found_ms, now_ms) as read_ms
            from warehouse.{MOMENTS}
            inner join main.apps_later using (app_id)
            anti join main.touched using (app_id, conversation_id)
            where read_ms > known_ms
        """)


def inputs_fingerprint(connection: duckdb.DuckDBPyConnection, models: Models) -> str:
    """One text for what all conversations depend on: where it differs, everything is computed again.

    That is whole models that conversation models read, and who is restricted.
    """
    read = set().union(*(model.references for model in models.conversation), set())
    parts = []
    for model in models.before:
        if model.name in read and model.name != USER_KEYS:
            found = connection.execute(f"select count(*), bit_xor(hash(entry)) from {model.name} as entry").fetchone()
            parts.append(f"{model.name}={found}")
    # Digits, not ids: who is restricted must not be read from the warehouse.
    parts.append(str(connection.execute("select count(*), sum(hash(kind, id)) from lake.restricted").fetchone()))
    return "; ".join(parts)


def _fingerprints(snapshot: Snapshot, files: Sequence[LakeFile], table: str) -> str:
    month = "month" if table == "messages" else "''"
    return f"""
        select '{table}' as table_name, app_id, {month} as month, conversation_id,
            count(*) as n, sum({_FINGERPRINTED[table]}) as fingerprint
        from ({select_files(snapshot, files, table)})
        where conversation_id is not null
        group by all
    """


def _write_files(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot) -> None:
    connection.execute("""
        create or replace table warehouse.meta.files (
            table_name varchar, app_id varchar, month varchar, path varchar, bytes bigint, changed_ns bigint
        )
    """)
    rows = [(file.table, file.app_id, file.month, file.path, file.bytes, file.changed_ns) for file in snapshot.files]
    if rows:
        columns = dict(
            zip(("table_name", "app_id", "month", "path", "bytes", "changed_ns"), zip(*rows, strict=True), strict=True)
        )
        connection.register("listed_files", pa.table({name: list(values) for name, values in columns.items()}))
        connection.execute("insert into warehouse.meta.files from listed_files")
        connection.unregister("listed_files")


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    (count,) = connection.execute(f"select count(*) from {table}").fetchone() or (0,)
    return int(count)
