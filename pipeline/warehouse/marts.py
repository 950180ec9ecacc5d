"""The marts as Parquet under `lake/marts/`, for whoever reads them with something else than DuckDB.

    lake/marts/agg_cohort_monthly/agg_cohort_monthly.parquet
    lake/marts/fct_turns/month=2026-03/fct_turns.parquet            where a mart has a local date

Rows are sorted by the mart's key and nothing in a file depends on when it was written: equal rows give equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.lake import storage
from pipeline.lake.layout import Lake
from pipeline.warehouse.model import Model, Unit
from pipeline.warehouse.tally import Tally
from pipeline.warehouse.views import text

FOLDER: Final = "marts"
ROW_GROUP: Final = 100_000
# Hive's own name for the partition of rows without a value.
NO_MONTH: Final = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, slots=True)
class StagedMart:
    """What was written of one mart: `files` by their paths relative to the mart's folder.

    `replaced` are the months that were written or are empty now; None: the whole mart.
    """

    name: str
    folder: Path
    files: Sequence[str]
    replaced: Sequence[str] | None


def write_marts(
    connection: duckdb.DuckDBPyConnection, tally: Tally, folder: Path, *, only_changed: bool
) -> list[StagedMart]:
    """Write the stored marts into a folder.

    Args:
        connection: with the warehouse attached.
        tally: which marts were stored.
        folder: where to; `publish_marts` moves them into place.
        only_changed: write of the marts with dates only the months that `compute_touched` found changed.
    """
    connection.execute("set preserve_insertion_order = true")
    try:
        marts = [model for model in tally.models if model.schema == "marts" and tally.stores(model)]
        return [_write(connection, model, folder / model.table, only_changed=only_changed) for model in marts]
    finally:
        connection.execute("set preserve_insertion_order = false")


def publish_marts(lake: Lake, marts: Sequence[StagedMart], *, lock: str) -> None:
    """Move written marts into place, file by file, and remove the files that they replace. `lock` is held."""
    for mart in marts:
        stale = [old for old in _replaced(lake, mart) if old not in mart.files]
        lake.store.replace(lock, f"{FOLDER}/{mart.name}", mart.folder, mart.files, stale=stale)


def _write(connection: duckdb.DuckDBPyConnection, model: Model, folder: Path, *, only_changed: bool) -> StagedMart:
    name = f"{model.table}.parquet"
    if model.unit is Unit.WHOLE or "local_date" not in model.columns:
        storage.make_folder(folder)
        _copy(connection, model, folder / name, condition="true")
        return StagedMart(model.table, folder, [name], None)
    replaced = _changed_months(connection, model) if only_changed else None
    files = []
    for month, condition in _months(connection, model, replaced):
        path = f"month={month}/{name}"
        storage.make_folder((folder / path).parent)
        _copy(connection, model, folder / path, condition=condition)
        files.append(path)
    return StagedMart(model.table, folder, files, replaced)


def _copy(connection: duckdb.DuckDBPyConnection, model: Model, path: Path, *, condition: str) -> None:
    # Not DuckDB's COPY: its bytes depend on how its storage happens to hold equal rows.
    key = ", ".join(model.key)
    rows = connection.sql(f"select * from warehouse.{model.name} where {condition} order by {key}")
    reader = rows.to_arrow_reader(ROW_GROUP)
    with storage.storage_errors(), pq.ParquetWriter(path, reader.schema, compression="zstd") as writer:
        for table in _row_groups(reader):
            writer.write_table(table, row_group_size=ROW_GROUP)


def _row_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The same rows in tables of equal size, whatever the sizes of the batches."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        while sum(piece.num_rows for piece in held) >= ROW_GROUP:
            table = pa.Table.from_batches(held)
            yield table.slice(0, ROW_GROUP)
            held = table.slice(ROW_GROUP).to_batches()
    if held:
        yield pa.Table.from_batches(held)


def _changed_months(connection: duckdb.DuckDBPyConnection, model: Model) -> list[str]:
    """The months of a mart with other rows than before, and the one without a month, which can't be told."""
    if model.unit is Unit.CONVERSATION:
        query = f"select month from main.changed_months where model = {text(model.name)}"
    else:
        query = "select strftime(local_date, '%Y-%m') from main.changed_dates"
    return sorted({month for (month,) in connection.execute(query).fetchall() if month} | {NO_MONTH})


def _months(
    connection: duckdb.DuckDBPyConnection, model: Model, among: Sequence[str] | None
) -> Iterator[tuple[str, str]]:
    """The months of which a mart has rows, each with the condition that selects them."""
    rows = connection.execute(
        f"select distinct date_trunc('month', local_date)::date from warehouse.{model.name} order by all"
    ).fetchall()
    for (first,) in rows:
        month = NO_MONTH if first is None else f"{first:%Y-%m}"
        if among is not None and month not in among:
            continue
        if first is None:
            yield month, "local_date is null"
        else:
            yield month, f"local_date >= date '{first}' and local_date < date '{first}' + interval 1 month"


def _replaced(lake: Lake, mart: StagedMart) -> Iterator[str]:
    folder = f"{FOLDER}/{mart.name}"
    for path in sorted(file.path for file in lake.store.files(folder)):
        name = path.removeprefix(f"{folder}/")
        month = name.partition("/")[0].removeprefix("month=")
        if mart.replaced is None or month in mart.replaced:
            yield name
