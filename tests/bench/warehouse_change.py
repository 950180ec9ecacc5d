"""Adds to a benchmark's lake what the next export brings: new messages of some conversations, and a complete run."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from pipeline.lake.layout import Lake, open_lake, partition
from pipeline.lake.tables import TABLES
from pipeline.lake.writer import parquet_writer
from tests.bench.warehouse_ledger import note_run
from tests.bench.warehouse_replicas import APPS, EXPORTED, app_id, run_id

NEXT = EXPORTED + timedelta(hours=1)
"""When the next run began."""
SHARE = 1_000
"""One of so many conversations has new messages."""


def change_lake(root: Path) -> int:
    """Let one of a thousand conversations have a question and an answer more; returns how many that are.

    As an export would, it writes a file for each partition, with new versions of conversations and participants too.
    """
    lake = open_lake(root, create=False)
    changed = 0
    with duckdb.connect() as duck:
        duck.execute("set global TimeZone = 'UTC'")
        for app in range(APPS):
            if lake.final(partition("conversations", app_id(app), None)).exists():
                changed += _change(duck, lake, app)
    note_run(lake, [app_id(app) for app in range(APPS)], started=NEXT)
    return changed


def _change(duck: duckdb.DuckDBPyConnection, lake: Lake, app: int) -> int:
    month = f"{EXPORTED:%Y-%m}"
    begun, later = f"'{NEXT.isoformat()}'::timestamptz", f"'{EXPORTED.isoformat()}'::timestamptz"
    bookkeeping = f"{begun} + interval 1 minute as exported_at, '{run_id(NEXT)}' as run_id"
    duck.execute(f"""
        create or replace temp table chosen as
        select *, row_number() over (order by conversation_id) as number
        from '{_files(lake, "conversations", app)}'
        qualify row_number() over (order by hash(conversation_id)) <= greatest(1, count(*) over () // {SHARE});

        create or replace temp table members as
        select * from '{_files(lake, "participants", app)}' semi join chosen using (conversation_id);

        create or replace temp table said as
        (from '{_files(lake, "messages", app, month)}' where author_type = 'user' and source_type = 'web' limit 1)
        union all
        (
            from '{_files(lake, "messages", app, month)}'
            where author_type = 'business' and list_contains(author_subtypes, 'agent') limit 1
        )
    """)
    moment = f"{later} + to_seconds(600 + number % 1800 + if(author_type = 'user', 0, 90))"
    messages = f"""
        select said.* replace (
            lpad(to_hex(epoch_ms({moment}) // 1000), 8, '0') || md5(concat(chosen.conversation_id, author_type))[:16]
                as message_id,
            chosen.conversation_id as conversation_id,
            {moment} as received_at,
            if(author_type = 'user', (
                select min(members.user_id) from members where members.conversation_id = chosen.conversation_id
            ), null) as author_user_id,
            {bookkeeping}
        )
        from chosen cross join said
        order by number, received_at
    """
    _write(duck, lake, "messages", app, messages, month=month)
    updated = f"select * exclude (number) replace ({later} + interval 30 minutes as last_updated_at, {bookkeeping})"
    _write(duck, lake, "conversations", app, f"{updated} from chosen")
    _write(
        duck,
        lake,
        "participants",
        app,
        f"select * replace (unread_count + 1 as unread_count, {bookkeeping}) from members",
    )
    ((count,),) = duck.execute("select count(*) from chosen").fetchall()
    return int(count)


def _files(lake: Lake, table: str, app: int, month: str | None = None) -> str:
    return str(lake.final(partition(table, app_id(app), month)) / "*.parquet")


def _write(
    duck: duckdb.DuckDBPyConnection, lake: Lake, name: str, app: int, query: str, *, month: str | None = None
) -> None:
    table = TABLES[name]
    columns = ", ".join(f'"{column}"' for column in table.schema.names)
    rows: pa.Table = duck.sql(f"select {columns} from ({query})").to_arrow_table()
    path = lake.final(f"{partition(name, app_id(app), month)}/{run_id(NEXT)[:11]}00000001-{app}.parquet")
    with parquet_writer(path, table) as writer:
        writer.write_table(rows.cast(table.schema))
