"""Arrow tables into staged Parquet files, one per partition and commit, with bounded memory."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.lake import storage
from pipeline.lake.admission import EVERYBODY, Admission
from pipeline.lake.decision import StagedFile
from pipeline.lake.layout import Lake, new_commit_id, partition
from pipeline.lake.tables import Table

# A row group's worth of one partition; larger ones cost memory and bring no speed (perf.md, B4).
ROW_GROUP_ROWS = 20_000
# Rows kept over all partitions before the fullest is written.
BUFFERED_ROWS = 100_000


class StagingWriter:
    """Collects the rows of one commit. Rows of a partition are written out as row groups while more arrive.

    Parquet is written in a thread of its own: that takes a sixth of an export's time, and leaves the interpreter free.
    """

    def __init__(self, lake: Lake, app_id: str, *, admission: Admission = EVERYBODY) -> None:
        self.commit_id = new_commit_id()
        self.rows = 0
        self._lake = lake
        self._app_id = app_id
        self._admission = admission
        self._buffers: dict[str, list[pa.Table]] = defaultdict(list)
        self._buffered: dict[str, int] = defaultdict(int)
        self._files: dict[str, _OpenFile] = {}
        self._tables: dict[str, Table] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="parquet")
        self._writing: Future[None] | None = None

    def append(self, table: Table, month: str | None, rows: pa.Table) -> None:
        """Take rows of one partition.

        Raises:
            StorageError: a row group could not be written, now or before; the commit can't be finished any more.
        """
        if not rows.num_rows:
            return
        folder = partition(table.name, self._app_id, month)
        self._tables[folder] = table
        self._buffers[folder].append(rows)
        self._buffered[folder] += rows.num_rows
        self.rows += rows.num_rows
        if self._buffered[folder] >= ROW_GROUP_ROWS:
            self._write(folder)
        elif sum(self._buffered.values()) >= BUFFERED_ROWS:
            self._write(max(self._buffered, key=self._buffered.__getitem__))

    def finish(self) -> list[StagedFile]:
        """Write what is buffered, close and fsync all files."""
        for folder in [folder for folder, count in self._buffered.items() if count]:
            self._write(folder)
        self._wait()
        self._thread.shutdown()
        return [file.close() for file in self._files.values()]

    def discard(self) -> None:
        """Close all files. They stay in staging: if their commit was decided, the next start publishes them."""
        self._thread.shutdown()
        for file in self._files.values():
            file.abandon()

    def _write(self, folder: str) -> None:
        table = self._tables[folder]
        rows = self._admission.admit(table, pa.concat_tables(self._buffers.pop(folder)))
        self._buffered.pop(folder)
        if not rows.num_rows:
            return
        file = self._files.get(folder)
        if file is None:
            path = f"{folder}/{self.commit_id}-{len(self._files)}.parquet"
            staged = self._lake.staged(self._app_id, self.commit_id, path)
            storage.make_folder(staged.parent)
            file = self._files[folder] = _OpenFile(path, staged, table)
        self._wait()
        self._writing = self._thread.submit(file.write, rows)

    def _wait(self) -> None:
        """Wait for the row group under way: one at a time, lest memory grow. A failure is told each time."""
        if self._writing is not None:
            self._writing.result()


def parquet_writer(sink: Path | pa.NativeFile, table: Table) -> pq.ParquetWriter:
    """A writer with the lake's options for a table's files."""
    return pq.ParquetWriter(
        str(sink) if isinstance(sink, Path) else sink,
        table.schema,
        compression="zstd",
        compression_level=3,
        use_dictionary=list(table.dictionary_columns),
        write_statistics=True,
        write_page_checksum=True,
    )


class _OpenFile:
    """One file in staging that is still being written."""

    def __init__(self, path: str, staged: Path, table: Table) -> None:
        self._path = path
        self._staged = staged
        self._table = table
        self._rows = 0
        with storage.storage_errors():
            self._writer = parquet_writer(staged, table)

    def write(self, rows: pa.Table) -> None:
        with storage.storage_errors():
            # Rows come in small pieces, a page each, of which the encoder for Parquet would make heavy work.
            self._writer.write_table(rows.combine_chunks(), row_group_size=ROW_GROUP_ROWS * 2)
        self._rows += rows.num_rows

    def close(self) -> StagedFile:
        with storage.storage_errors():
            self._writer.close()
            size = self._staged.stat().st_size
        storage.sync_file(self._staged)
        return StagedFile(self._path, self._table.name, self._rows, size)

    def abandon(self) -> None:
        try:
            self._writer.close()
        except OSError:
            # The disk refused the footer as it refused the rows; the next start deletes the file.
            return
