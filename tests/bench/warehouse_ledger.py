"""The ledger of a benchmark's lake: its runs, its users and its conversations, all of them read to the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import duckdb
import sqlalchemy as sa

from pipeline.lake.layout import Lake
from pipeline.walk import ledger as tables
from pipeline.walk.ledger import open_ledger
from pipeline.walk.roster import Found, Pending, State

AT_A_TIME = 20_000

_ENDED: dict[str, Any] = {"found_by": Found.LIST, "state": State.DONE, "pending": Pending.NO}


def write_ledger(lake: Lake, duck: duckdb.DuckDBPyConnection, *, started: datetime) -> None:
    """Write what an export of all that the lake holds would have left, its run included."""
    users = _select("users", "distinct app_id, user_id")
    conversations = f"""
        with counted as (
            select app_id, conversation_id, count(*) as messages
            from ({_select("messages", "app_id, conversation_id", folders=2)}) group by all
        )
        select app_id, conversation_id, coalesce(messages, 0)
        from ({_select("conversations", "app_id, conversation_id")}) left join counted using (app_id, conversation_id)
        order by all
    """
    note_run(lake, [row[0] for row in duck.execute(_of(lake, _select("apps", "app_id"))).fetchall()], started=started)
    ledger = open_ledger(lake.default_ledger_url)
    try:
        with ledger.write() as connection:
            for rows in _batches(duck, _of(lake, users)):
                filled = [{"app_id": app, "user_id": user, **_ENDED} for app, user in rows]
                connection.execute(sa.insert(tables.users), filled)
            for rows in _batches(duck, _of(lake, conversations)):
                filled = [
                    {"app_id": app, "conversation_id": talk, "messages": messages, "complete": True, **_ENDED}
                    for app, talk, messages in rows
                ]
                connection.execute(sa.insert(tables.conversations), filled)
    finally:
        ledger.close()


def note_run(lake: Lake, app_ids: list[str], *, started: datetime) -> None:
    """Note a complete run of each app that began then."""
    moment = started.timestamp()
    ledger = open_ledger(lake.default_ledger_url)
    try:
        with ledger.write() as connection:
            for app in app_ids:
                row = {"run_id": f"{int(moment)}-{app}", "app_id": app, "kind": "export", "state": "done"}
                moments = {"started_at": moment, "updated_at": moment, "ended_at": moment}
                connection.execute(sa.insert(tables.runs), [row | moments])
    finally:
        ledger.close()


def _select(table: str, columns: str, *, folders: int = 1) -> str:
    pattern = f"LAKE/{table}/{'*/' * folders}*.parquet"
    return (
        f"select {columns} from read_parquet('{pattern}', hive_partitioning = true, hive_types = {{'app_id': varchar}})"
    )


def _of(lake: Lake, query: str) -> str:
    return query.replace("LAKE/", f"{lake.root.absolute()}/")


def _batches(duck: duckdb.DuckDBPyConnection, query: str) -> Iterator[list[tuple[Any, ...]]]:
    found = duck.execute(query)
    while rows := found.fetchmany(AT_A_TIME):
        yield rows
