"""The ledger, rebuilt from the lake alone: cursors are record ids, and the rows hold them (design.md, section 5).

What the lake can't tell is asked upstream again by the next run: whether a history is complete, and which list shows a
conversation. That costs a call or two each, and writes nothing twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from pipeline.bounded import connect_bounded
from pipeline.errors import CorruptLakeError, LedgerError
from pipeline.lake import storage
from pipeline.lake.admission import EVERYBODY, Admission
from pipeline.lake.commit import recover
from pipeline.lake.corruption import readable_rows
from pipeline.lake.inventory import take_inventory
from pipeline.lake.layout import Lake
from pipeline.lake.lock import files_lock
from pipeline.lake.tables import TABLES, Table
from pipeline.spill import spill_folder
from pipeline.walk import ledger as tables
from pipeline.walk.ledger import Ledger, ledger_file, open_ledger
from pipeline.walk.roster import Found, Pending, State

BATCH = 5_000
MEMORY_LIMIT = "2GB"


@dataclass(slots=True)
class Repaired:
    """What a repair found in one app.

    `quarantined` are files that can't be read, by their path within the lake; `lost` counts those that the old ledger
    knew and that are not there.
    """

    app_id: str
    files: int = 0
    users: int = 0
    conversations: int = 0
    messages: int = 0
    lost: int = 0
    quarantined: list[str] = field(default_factory=list)

    @property
    def has_gaps(self) -> bool:
        """Whether the next run has to read every conversation again."""
        return bool(self.lost or self.quarantined)


@dataclass(frozen=True, slots=True)
class LastWords:
    """What an old ledger could still tell: `lost` files by app, or the reason why it can't be asked."""

    lost: Mapping[str, int] = field(default_factory=dict)
    reason: str | None = None


def apps_of(lake: Lake) -> list[str]:
    """The apps that have a partition in the lake."""
    folders = (folder for name in TABLES for folder in lake.store.folders(name))
    return sorted({folder.removeprefix("app_id=") for folder in folders if folder.startswith("app_id=")})


def finish_commits(
    lake: Lake, url: str, app_ids: Sequence[str], *, admission_of: Callable[[str], Admission] = lambda _: EVERYBODY
) -> LastWords:
    """Finish the decided commits that an old ledger still knows, and ask it which files should be there.

    Without it the files of a commit that was cut between two renames are lost, and the next run has to look for gaps.
    """
    file = ledger_file(url)
    if file is not None and not file.exists():
        return LastWords(reason="there is no ledger")
    try:
        ledger = open_ledger(url)
        try:
            for app_id in app_ids:
                recover(lake, ledger, app_id, admission=admission_of(app_id))
            return LastWords(lost={app_id: take_inventory(lake, ledger, app_id).missing for app_id in app_ids})
        finally:
            ledger.close()
    except (LedgerError, CorruptLakeError) as error:
        return LastWords(reason=str(error))


def set_ledger_aside(lake: Lake, url: str) -> Path | None:
    """Move an SQLite ledger out of the way, damaged or not; returns where it is kept, None where there was none.

    A ledger on a server stays: `rebuild_app` replaces the rows of its app.
    """
    file = ledger_file(url)
    if file is None or not file.exists():
        return None
    folder = lake.private / "quarantine" / f"ledger-{time.time_ns() // 1_000_000}"
    storage.make_folder(folder)
    for part in (file, file.with_name(file.name + "-wal"), file.with_name(file.name + "-shm")):
        if part.exists():
            storage.rename(part, folder / part.name)
    return folder / file.name


def rebuild_app(lake: Lake, ledger: Ledger, app_id: str, *, lost: int = 0) -> Repaired:
    """Write what the ledger should know of one app anew. The caller holds the app's lock.

    Files that can't be read are moved to `_sunlake/quarantine`; every conversation is then read whole again by the next
    run, since nothing tells which of them the file held. So it is if files were `lost`.

    Raises:
        StorageError, LedgerError: the rebuild can be repeated.
        LockedError: files of the app are being replaced by another process.
    """
    with files_lock(lake, app_id):
        return _rebuild(lake, ledger, Repaired(app_id, lost=lost))


def _rebuild(lake: Lake, ledger: Ledger, repaired: Repaired) -> Repaired:
    app_id = repaired.app_id
    may_have_gaps = lake.store.has_staging(app_id)
    lake.store.drop_staging(app_id)
    good: dict[str, list[str]] = {}
    rows = []
    for table in TABLES.values():
        for path, size in sorted((file.path, file.bytes) for file in lake.store.files(f"{table.name}/app_id={app_id}")):
            with lake.store.local([path], folder=lake.staging(app_id) / "repair") as (file,):
                count = _rows_of(file, table)
            if count is None:
                lake.store.quarantine(app_id, path)
                repaired.quarantined.append(path)
                continue
            good.setdefault(table.name, []).append(lake.store.url(path))
            rows.append(_file_row(path, app_id, table, count, size))
    repaired.files = len(rows)
    with ledger.write() as connection:
        for known in (tables.files, tables.commits, tables.users, tables.conversations, tables.aliases, tables.sets):
            connection.execute(known.delete().where(known.c.app_id == app_id))
        ledger.upsert(connection, tables.files, rows)
        # A user is due for all calls anyway, since no hash is known.
        pending = Pending.SWEEP if repaired.has_gaps or may_have_gaps else Pending.VISIT
        with connect_bounded(spill_folder(lake.private), memory_limit=MEMORY_LIMIT) as duck:
            lake.store.attach(duck)
            _create_views(duck, good)
            for batch in _batches(duck, _USERS, app_id, Pending.VISIT):
                ledger.upsert(connection, tables.users, batch)
                repaired.users += len(batch)
            for batch in _batches(duck, _CONVERSATIONS, app_id, pending):
                ledger.upsert(connection, tables.conversations, batch)
                repaired.conversations += len(batch)
                repaired.messages += sum(row["messages"] for row in batch)
        lake.store.fence(connection, app_id)
    return repaired


def _rows_of(file: Path, table: Table) -> int | None:
    """The number of rows, or None if the file is damaged or of another table."""
    rows = readable_rows(file)
    return rows if rows is not None and pq.read_schema(file).names == table.schema.names else None


def _file_row(path: str, app_id: str, table: Table, rows: int, size: int) -> dict[str, Any]:
    commit_id = Path(path).name.partition("-")[0]
    return {
        "path": path,
        "app_id": app_id,
        "table_name": table.name,
        "commit_id": commit_id,
        "rows": rows,
        "bytes": size,
    }


def _create_views(duck: duckdb.DuckDBPyConnection, files: dict[str, list[str]]) -> None:
    for table in TABLES.values():
        if table.name in files:
            duck.read_parquet(files[table.name]).create_view(table.name)
        else:
            duck.register(table.name, table.schema.empty_table())


def _batches(
    duck: duckdb.DuckDBPyConnection, query: str, app_id: str, pending: Pending
) -> Iterator[list[dict[str, Any]]]:
    cursor = duck.execute(query)
    names = [column[0] for column in cursor.description or ()]
    while found := cursor.fetchmany(BATCH):
        yield [_ledger_row(dict(zip(names, row, strict=True)), app_id, pending) for row in found]


def _ledger_row(row: dict[str, Any], app_id: str, pending: Pending) -> dict[str, Any]:
    gone = row.pop("reason")
    state = State.KNOWN if gone is None else State.MERGED if gone == "merged" else State.GONE
    due = Pending.NO if gone is not None else pending
    return {**row, "app_id": app_id, "found_by": Found.LAKE, "state": state, "pending": int(due), "error": None}


_BURIED = """
    buried as (
        select entity_id, arg_max(reason, seen_at) as reason, max(seen_at) as seen_at
        from tombstones where entity = '{entity}' group by entity_id
    )
"""

_USERS = f"""
    with {_BURIED.format(entity="user")},
    known as (
        select user_id, max(exported_at) as exported_at from users group by user_id
        union all select user_id, max(exported_at) from participants where user_id is not null group by user_id
    ),
    newest as (select user_id, max(exported_at) as exported_at from known group by user_id)
    select
        newest.user_id,
        case when buried.seen_at >= newest.exported_at then buried.reason end as reason,
        null as merged_into, null as row_hash, null as clients_hash, null as devices_hash
    from newest left join buried on buried.entity_id = newest.user_id
"""

_MOMENT = "strftime({moment}, '%Y-%m-%dT%H:%M:%S.%gZ')"

_CONVERSATIONS = f"""
    with {_BURIED.format(entity="conversation")},
    histories as (
        select
            conversation_id,
            arg_max(message_id, (received_at, message_id)) as head_id,
            arg_min(message_id, (received_at, message_id)) as tail_id,
            max(received_at) as head_at,
            min(received_at) as tail_at,
            count(distinct message_id) as messages,
            max(exported_at) as exported_at
        from messages group by conversation_id
    ),
    members as (select conversation_id, min(user_id) as user_id from participants group by conversation_id),
    known as (
        select conversation_id, exported_at from conversations
        union all select conversation_id, exported_at from histories
        union all select conversation_id, exported_at from participants
    ),
    newest as (select conversation_id, max(exported_at) as exported_at from known group by conversation_id)
    select
        newest.conversation_id,
        members.user_id as via_user_id,
        histories.head_id, {_MOMENT.format(moment="histories.head_at")} as head_at,
        histories.tail_id, {_MOMENT.format(moment="histories.tail_at")} as tail_at,
        false as complete, null as listed_at, null as walked_at,
        coalesce(histories.messages, 0) as messages,
        null as row_hash, null as participants_hash,
        case when buried.seen_at >= newest.exported_at then buried.reason end as reason
    from newest
    left join histories on histories.conversation_id = newest.conversation_id
    left join members on members.conversation_id = newest.conversation_id
    left join buried on buried.entity_id = newest.conversation_id
"""
