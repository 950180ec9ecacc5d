"""The marts as Parquet under `lake/marts/`, for whoever reads them with something else than DuckDB.

    lake/marts/agg_cohort_monthly/agg_cohort_monthly.parquet
    lake/marts/fct_turns/month=2026-03/fct_turns.parquet            where a mart has a local date

Rows are sorted by the mart's key and nothing in a file depends on when it was written: equal rows give equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.lake import storage
from pipeline.lake.layout import Lake
from pipeline.warehouse.changed import LOCAL_DATE, MONTH_NUMBER, changed_months
from pipeline.warehouse.model import Model
from pipeline.warehouse.tally import Tally

FOLDER: Final = "marts"
ROW_GROUP: Final = 100_000
# Hive's own name for the partition of rows without a value.
NO_MONTH: Final = "__HIVE_DEFAULT_PARTITION__"
# So many rows are sorted at a time, which bounds memory.
ROWS_AT_A_TIME: Final = 1_000_000

# Nearly every row has another id or moment: looking for such values in a dictionary costs more than all other encoding.
_DISTINCT: Final = ("_id", "_key", "_at", "_ms", "as_of")
_FEW_IDS: Final = frozenset({"app_id", "schedule_id", "target_id", "switchboard_integration_id"})


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
        only_changed: write only the marts, and the months of them, that were noted as changed.
    """
    connection.execute("set preserve_insertion_order = true")
    try:
        marts = [model for model in tally.models if model.schema == "marts" and tally.stores(model)]
        if only_changed:
            changes = [(model, changed_months(connection, model)) for model in marts]
            return [_write(connection, model, folder / model.table, months) for model, months in changes if months]
        return [_write(connection, model, folder / model.table, None) for model in marts]
    finally:
        connection.execute("set preserve_insertion_order = false")


def publish_marts(lake: Lake, marts: Sequence[StagedMart], *, lock: str) -> None:
    """Move written marts into place, file by file, and remove the files that they replace. `lock` is held."""
    for mart in marts:
        stale = [old for old in _replaced(lake, mart) if old not in mart.files]
        lake.store.replace(lock, f"{FOLDER}/{mart.name}", mart.folder, mart.files, stale=stale)


def _write(
    connection: duckdb.DuckDBPyConnection, model: Model, folder: Path, among: Sequence[int] | None
) -> StagedMart:
    if LOCAL_DATE not in model.columns:
        name = f"{model.table}.parquet"
        rows = connection.sql(f"select * from warehouse.{model.name} order by {', '.join(model.key)}")
        reader = rows.to_arrow_reader(ROW_GROUP)
        _write_file(folder / name, reader.schema, reader)
        return StagedMart(model.table, folder, [name], None)
    replaced = None if among is None else [_month_name(month) for month in among]
    counts = _months(connection, model, among)
    files = [name for months in _bundles(counts) for name in _write_months(connection, model, folder, months)]
    return StagedMart(model.table, folder, files, replaced)


def _write_months(
    connection: duckdb.DuckDBPyConnection, model: Model, folder: Path, months: Sequence[int]
) -> Iterator[str]:
    """Write some months from one query, since each query looks at all rows of the mart."""
    # Not DuckDB's COPY: its bytes depend on how its storage happens to hold equal rows.
    rows = connection.sql(f"""
        select *, {MONTH_NUMBER} as month_number from warehouse.{model.name}
        where month_number in ({", ".join(map(str, months))}){_between(months)}
        order by month_number, {", ".join(model.key)}
    """)
    reader = rows.to_arrow_reader(ROW_GROUP)
    schema = reader.schema.remove(len(reader.schema) - 1)
    for month, pieces in groupby(_cut_by_month(reader), key=lambda piece: piece[0]):
        name = f"month={_month_name(month)}/{model.table}.parquet"
        _write_file(folder / name, schema, (rows for _, rows in pieces))
        yield name


def _between(months: Sequence[int]) -> str:
    """The same in dates, by which DuckDB passes over rows without reading all of them."""
    first, last = min(months), max(months) + 1
    return "" if first < 0 else f" and local_date >= {_first_day(first)} and local_date < {_first_day(last)}"


def _first_day(month: int) -> str:
    return f"make_date({month // 12}, {month % 12 + 1}, 1)"


def _cut_by_month(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Batches of rows in the order of their last column, the month: cut where it changes, and without it."""
    for batch in batches:
        *_, months = batch.columns
        rows = batch.select(range(batch.num_columns - 1))
        runs, start = pc.run_end_encode(months), 0
        for month, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            yield month, rows.slice(start, end - start)
            start = end


def _write_file(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    coded = [name for name in schema.names if name in _FEW_IDS or not name.endswith(_DISTINCT)]
    storage.make_folder(path.parent)
    with (
        storage.storage_errors(),
        pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=coded) as writer,
    ):
        for table in _row_groups(batches):
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


def _months(connection: duckdb.DuckDBPyConnection, model: Model, among: Sequence[int] | None) -> Mapping[int, int]:
    """How many rows a mart has of each month."""
    query = f"select {MONTH_NUMBER} as month_number, count(*) from warehouse.{model.name} group by all order by all"
    counts = dict(connection.execute(query).fetchall())
    return {month: count for month, count in counts.items() if among is None or month in among}


def _bundles(counts: Mapping[int, int]) -> Iterator[list[int]]:
    """The months in bundles of few rows, or of one month that has many."""
    bundle: list[int] = []
    for month, count in counts.items():
        if bundle and sum(map(counts.__getitem__, bundle)) + count > ROWS_AT_A_TIME:
            yield bundle
            bundle = []
        bundle.append(month)
    if bundle:
        yield bundle


def _month_name(number: int) -> str:
    return NO_MONTH if number < 0 else f"{number // 12:04d}-{number % 12 + 1:02d}"


def _replaced(lake: Lake, mart: StagedMart) -> Iterator[str]:
    folder = f"{FOLDER}/{mart.name}"
    for path in sorted(file.path for file in lake.store.files(folder)):
        name = path.removeprefix(f"{folder}/")
        month = name.partition("/")[0].removeprefix("month=")
        if mart.replaced is None or month in mart.replaced:
            yield name
