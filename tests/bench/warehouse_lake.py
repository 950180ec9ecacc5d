"""Writes a lake of any number of messages, as an export and a compaction leave it, without server and HTTP."""

from __future__ import annotations

import json
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, product
from pathlib import Path

import duckdb
import pyarrow as pa

from pipeline.lake.layout import Lake, open_lake, partition
from pipeline.lake.tables import TABLES
from pipeline.lake.writer import ROW_GROUP_ROWS, parquet_writer
from tests.bench import warehouse_replicas as replicas
from tests.bench.warehouse_ledger import write_ledger
from tests.bench.warehouse_replicas import APPS, EXPORTED, app_id, run_id
from tests.bench.warehouse_template import write_template

MESSAGES_PER_TALK = 9.4  # of the world: what the run came too early for is left out
TEMPLATE, SMALL_TEMPLATE = 20_000, 10_000
ROWS_AT_A_TIME = 400_000
MEMORY_LIMIT = "4GB"
WRITERS = 2
# What a lake, its warehouse, the next one beside it, marts and what is spilled take at the most.
BYTES_PER_MESSAGE = 600
# Rises when another lake would be written.
FORMAT = 1

_MARKER = "bench-lake.json"

Bounds = list[tuple[str, str]]
"""Ranges of conversations' ids, in order: from the first to before the second."""


def check_disk(folder: Path, messages: int) -> None:
    """Refuse to begin what would fill the disk.

    Raises:
        RuntimeError: too little space is left.
    """
    needed, free = messages * BYTES_PER_MESSAGE, shutil.disk_usage(folder).free
    if free < needed:
        raise RuntimeError(
            f"a lake of {messages:,} messages and what is made of it need about {needed / 1e9:.0f} GB, and {folder} "
            f"has {free / 1e9:.0f} GB left; name another folder with --lakes"
        )


def make_lake(root: Path, *, messages: int) -> int:
    """Write a lake with about so many messages, unless it is there; returns how many there are.

    Raises:
        RuntimeError: too little space is left on the disk.
    """
    marker = root / _MARKER
    if marker.exists():
        found = json.loads(marker.read_text())
        if (found["format"], found["asked"]) == (FORMAT, messages):
            return int(found["messages"])
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    check_disk(root, messages)
    size = TEMPLATE if messages >= 1_000_000 else SMALL_TEMPLATE
    lake = open_lake(root, create=True)
    with tempfile.TemporaryDirectory(prefix="template-", dir=lake.private) as name:
        folder = Path(name)
        write_template(folder, size=size)
        with duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "temp_directory": f"{folder}/spilled"}) as duck:
            count = max(1, round(messages / (size * MESSAGES_PER_TALK)))
            replicas.prepare(duck, folder, replicas=count)
            written = _write_messages(duck, lake)
            _write_others(duck, lake)
            write_ledger(lake, duck, started=EXPORTED)
    marker.write_text(json.dumps({"format": FORMAT, "asked": messages, "messages": written}))
    return written


def _write_messages(duck: duckdb.DuckDBPyConnection, lake: Lake) -> int:
    ((total,),) = duck.execute(
        "select (select count(*) from rows_of_parts) * (select count(*) from replicas)"
    ).fetchall()
    months = replicas.months()
    pieces = max(1, round(total / len(months) / APPS / ROWS_AT_A_TIME))
    bounds = list(pairwise(["", *(f"{256 * number // pieces:02x}" for number in range(1, pieces)), "g"]))
    with ThreadPoolExecutor(WRITERS) as pool:
        writing = [
            pool.submit(_write_partition, duck.cursor(), lake, app=app, month=month, bounds=bounds)
            for app, month in product(range(APPS), months)
        ]
        return sum(each.result() for each in writing)


def _write_partition(duck: duckdb.DuckDBPyConnection, lake: Lake, *, app: int, month: str, bounds: Bounds) -> int:
    queries = [replicas.messages(app, month, low=low, high=high) for low, high in bounds]
    with duck:
        return _write(duck, lake, "messages", app, queries, month=month)


def _write_others(duck: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    for app in range(APPS):
        for name in ("apps", "integrations", "switchboards", "switchboard_integrations"):
            _write(duck, lake, name, app, [replicas.of_app(name)])
        _write(duck, lake, "users", app, [replicas.users(app)])
        _write(duck, lake, "conversations", app, [replicas.conversations(app)])
        _write(duck, lake, "participants", app, [replicas.participants(app)])


def _write(
    duck: duckdb.DuckDBPyConnection, lake: Lake, name: str, app: int, queries: list[str], *, month: str | None = None
) -> int:
    """Write one file with the rows of all queries, if there are any; returns how many."""
    table = TABLES[name]
    path = lake.final(f"{partition(name, app_id(app), month)}/{run_id(EXPORTED)[:11]}00000001-0.parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = ", ".join(f'"{column}"' for column in table.schema.names)
    written = 0
    with parquet_writer(path, table) as writer:
        for query in queries:
            for batch in duck.sql(f"select {columns} from ({query})").to_arrow_reader(ROW_GROUP_ROWS):
                writer.write_table(pa.Table.from_batches([batch]).cast(table.schema))
                written += batch.num_rows
    if not written:
        path.unlink()
    return written
