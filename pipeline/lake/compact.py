"""Compaction: one file per partition, the newest version of each row, sorted for reading. Safe to kill at any instant.

The merged file replaces the first of the old ones by rename, the others are unlinked after it; the ledger decides both
at once, so that a compaction that is cut is carried to its end by the next start.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from pipeline.bounded import connect_bounded
from pipeline.lake import storage
from pipeline.lake.admission import EVERYBODY, Admission
from pipeline.lake.commit import commit, live_files
from pipeline.lake.corruption import corruption
from pipeline.lake.decision import COMPACT, Decision, StagedFile
from pipeline.lake.layout import Lake, new_commit_id
from pipeline.lake.lock import files_lock
from pipeline.lake.tables import TABLES, Table
from pipeline.lake.writer import ROW_GROUP_ROWS, parquet_writer
from pipeline.spill import spill_folder
from pipeline.walk.ledger import Ledger

MEMORY_LIMIT = "2GB"


@dataclass(frozen=True, slots=True)
class Compacted:
    """What happened to one partition. Sizes in bytes."""

    partition: str
    files_before: int
    rows_before: int
    rows_after: int
    bytes_before: int
    bytes_after: int


def compact_app(
    lake: Lake,
    ledger: Ledger,
    app_id: str,
    *,
    min_files: int = 2,
    admission: Admission = EVERYBODY,
    on_partition: Callable[[Compacted], None] | None = None,
) -> list[Compacted]:
    """Compact the partitions of one app that hold at least so many files. The caller holds the app's lock.

    Raises:
        CorruptLakeError: a file can't be read; nothing was changed in its partition.
        StorageError: the disk refused; nothing was changed in the partition under way.
    """
    done = []
    for table in TABLES.values():
        for folder in sorted(_partitions(live_files(ledger, app_id, table.name))):
            with files_lock(lake, app_id):
                # Looked up under the lock: a rewrite may have removed a file meanwhile.
                paths = _partitions(live_files(ledger, app_id, table.name)).get(folder, [])
                if len(paths) < min_files:
                    continue
                compacted = _compact(lake, ledger, app_id, table, folder=folder, paths=paths, admission=admission)
            done.append(compacted)
            if on_partition is not None:
                on_partition(compacted)
    return done


def _partitions(paths: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        found[str(Path(path).parent)].append(path)
    return found


def _compact(
    lake: Lake,
    ledger: Ledger,
    app_id: str,
    table: Table,
    *,
    folder: str,
    paths: list[str],
    admission: Admission,
) -> Compacted:
    commit_id = new_commit_id()
    staged = lake.staged(app_id, commit_id, paths[0])
    storage.make_folder(staged.parent)
    generation = admission.generation
    with lake.store.local(paths, folder=staged.parent / "old") as files:
        with storage.storage_errors():
            bytes_before = sum(file.stat().st_size for file in files)
        rows_before, rows_after = _merge(lake, table, files, staged, admission=admission)
    storage.sync_file(staged)
    size = staged.stat().st_size
    merged = [StagedFile(paths[0], table.name, rows_after, size)] if rows_after else []
    removals = paths[1:] if merged else paths
    decision = Decision(commit_id, app_id, COMPACT, merged, removals=removals, generation=generation)
    commit(lake, ledger, decision, admission=admission)
    return Compacted(folder, len(paths), rows_before, rows_after, bytes_before, size)


def _merge(lake: Lake, table: Table, files: list[Path], staged: Path, *, admission: Admission) -> tuple[int, int]:
    """Write the newest versions of all rows that may stay into one file; returns the rows before and after."""
    rows_before = rows_after = 0
    paths = [str(file) for file in files]
    bounded = connect_bounded(spill_folder(lake.private), memory_limit=MEMORY_LIMIT, keeps_order=False)
    with bounded as duck, corruption(paths), storage.storage_errors():
        duck.read_parquet(paths).create_view("versions")
        ((rows_before,),) = duck.execute("select count(*) from versions").fetchall()
        with parquet_writer(staged, table) as writer:
            for batch in _row_groups(duck, table):
                rows = admission.readmit(table, batch)
                if rows.num_rows:
                    writer.write_table(rows)
                rows_after += rows.num_rows
    return rows_before, rows_after


def _row_groups(duck: duckdb.DuckDBPyConnection, table: Table) -> Iterator[pa.Table]:
    reader = duck.sql(_newest(table)).to_arrow_reader(ROW_GROUP_ROWS)
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in reader:
        waiting.append(batch)
        count += batch.num_rows
        if count >= ROW_GROUP_ROWS:
            yield pa.Table.from_batches(waiting).cast(table.schema)
            waiting, count = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting).cast(table.schema)


def _newest(table: Table) -> str:
    """The newest version of each row, in reading order."""
    names = table.schema.names
    keys = [name for name in table.key if name in names] or ["''"]
    order = ["conversation_id", "received_at", "message_id"] if table.name == "messages" else keys
    columns = ", ".join(f'versions."{name}"' for name in names)
    if table.name == "tombstones":
        # Every sighting counts: a thing may have gone, come back, and gone again.
        return f"select distinct {columns} from versions order by {', '.join(order)}, seen_at"
    return f"""
        select {columns} from versions
        qualify row_number() over (partition by {", ".join(keys)} order by exported_at desc, run_id desc) = 1
        order by {", ".join(order)}
    """
