"""The rows of an app, asked by DuckDB in whatever files hold them now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import pyarrow as pa

from pipeline.bounded import connect_bounded
from pipeline.lake.corruption import corruption
from pipeline.lake.layout import Lake
from pipeline.lake.store import StoredFile
from pipeline.spill import spill_folder

MEMORY_LIMIT: Final = "512MB"
ROWS_AT_ONCE: Final = 100_000


def app_files(lake: Lake, app_id: str, table: str) -> list[StoredFile]:
    """The files of a table, in order."""
    return sorted(lake.store.files(f"{table}/app_id={app_id}"), key=lambda file: file.path)


def asked(
    lake: Lake, found: Sequence[StoredFile], queries: Sequence[str], *, places: pa.Table | None = None
) -> Iterator[tuple[int, pa.Table]]:
    """The answers of queries over `rows_of_app`, part by part, each with the number of its query.

    Args:
        lake: the lake.
        found: files of one table.
        queries: what is asked.
        places: a table that they may join by the name `places`.

    Raises:
        CorruptLakeError: a file can't be read.
    """
    if not found:
        return
    files = [lake.store.url(file.path) for file in found]
    with connect_bounded(spill_folder(lake.private), memory_limit=MEMORY_LIMIT) as duck, corruption(files):
        lake.store.attach(duck)
        duck.read_parquet(files).create_view("rows_of_app")
        if places is not None:
            duck.register("places", places)
        for number, query in enumerate(queries):
            for batch in duck.sql(query).to_arrow_reader(ROWS_AT_ONCE):
                yield number, pa.Table.from_batches([batch])
