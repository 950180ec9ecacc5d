"""The marts as Parquet under `lake/marts/`, for whoever reads them with something else than DuckDB.

    lake/marts/agg_cohort_monthly/agg_cohort_monthly.parquet
    lake/marts/fct_sla/month=2026-03/fct_sla.parquet                where a mart has a local date
    lake/marts/fct_turns/month=2026-03/fct_turns-2026-03-07.parquet      and so many rows in that month

Rows are sorted by the mart's key and nothing in a file depends on when it was written: equal rows give equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
from pipeline.warehouse.changed import LOCAL_DATE, changed_dates, is_changed
from pipeline.warehouse.mart_files import Part, Plan, bundles, plan_files
from pipeline.warehouse.model import Model
from pipeline.warehouse.tally import Tally

FOLDER: Final = "marts"
ROW_GROUP: Final = 100_000
# So many rows are sorted at a time, which bounds memory.
ROWS_AT_A_TIME: Final = 1_000_000

# Nearly every row has another id or moment: looking for such values in a dictionary costs more than all other encoding.
_DISTINCT: Final = ("_id", "_key", "_at", "_ms", "as_of")
_FEW_IDS: Final = frozenset({"app_id", "schedule_id", "target_id", "switchboard_integration_id"})


@dataclass(frozen=True, slots=True)
class StagedMart:
    """What was written of one mart: `files` by their paths relative to the mart's folder.

    `replaced` begin the paths of the files in place of which they come.
    """

    name: str
    folder: Path
    files: Sequence[str]
    replaced: Sequence[str]


def write_marts(
    connection: duckdb.DuckDBPyConnection, tally: Tally, folder: Path, *, only_changed: bool
) -> list[StagedMart]:
    """Write the stored marts into a folder, and note in the warehouse which months have a file for each day.

    Args:
        connection: with the warehouse attached.
        tally: which marts were stored.
        folder: where to; `publish_marts` moves them into place.
        only_changed: write only the marts, and the months or days of them, that were noted as changed.
    """
    if not only_changed:
        connection.execute("create or replace table warehouse.meta.split_months (mart varchar, month varchar)")
    connection.execute("set preserve_insertion_order = true")
    try:
        marts = [model for model in tally.models if model.schema == "marts" and tally.stores(model)]
        if only_changed:
            marts = [model for model in marts if is_changed(connection, [model.name])]
        return [_write(connection, model, folder / model.table, only_changed=only_changed) for model in marts]
    finally:
        connection.execute("set preserve_insertion_order = false")


def publish_marts(lake: Lake, marts: Sequence[StagedMart], *, lock: str) -> None:
    """Move written marts into place, file by file, and remove the files that they replace. `lock` is held."""
    for mart in marts:
        stale = [old for old in _replaced(lake, mart) if old not in mart.files]
        lake.store.replace(lock, f"{FOLDER}/{mart.name}", mart.folder, mart.files, stale=stale)


def _write(connection: duckdb.DuckDBPyConnection, model: Model, folder: Path, *, only_changed: bool) -> StagedMart:
    if LOCAL_DATE not in model.columns:
        name = f"{model.table}.parquet"
        rows = connection.sql(f"select * from warehouse.{model.name} order by {', '.join(model.key)}")
        reader = rows.to_arrow_reader(ROW_GROUP)
        _write_file(folder / name, reader.schema, reader)
        return StagedMart(model.table, folder, [name], [""])
    plan = _plan(connection, model, only_changed=only_changed)
    for bundle in bundles(plan.parts, rows=ROWS_AT_A_TIME):
        _write_parts(connection, model, folder, bundle)
    return StagedMart(model.table, folder, [part.name for part in plan.parts], plan.replaced)


def _plan(connection: duckdb.DuckDBPyConnection, model: Model, *, only_changed: bool) -> Plan:
    rows = dict(connection.execute(f"select local_date, count(*) from warehouse.{model.name} group by all").fetchall())
    changed = changed_dates(connection, model.name) if only_changed else None
    about = {"mart": model.table}
    found = connection.execute("select month from warehouse.meta.split_months where mart = $mart", about).fetchall()
    plan = plan_files(model.table, rows, changed=changed, was_split=[month for (month,) in found])
    connection.execute("delete from warehouse.meta.split_months where mart = $mart", about)
    connection.execute(
        "insert into warehouse.meta.split_months select $mart, unnest($split::varchar[])",
        about | {"split": sorted(plan.split)},
    )
    return plan


def _write_parts(connection: duckdb.DuckDBPyConnection, model: Model, folder: Path, parts: Sequence[Part]) -> None:
    """Write some files from one query, since each query looks at all rows of the mart."""
    numbers = [(day, number) for number, part in enumerate(parts) for day in part.days]
    days, parts_of_days = zip(*numbers, strict=True)
    table = pa.table({LOCAL_DATE: pa.array(days, pa.date32()), "part_no": pa.array(parts_of_days, pa.int32())})
    connection.register("part_days", table)
    # The quicker comparison, where it will do: with it, DuckDB looks up days before it reads anything else of a row.
    is_same = "is not distinct from" if None in days else "="
    # Not DuckDB's COPY: its bytes depend on how its storage happens to hold equal rows.
    rows = connection.sql(f"""
        select mart.*, part_days.part_no
        from warehouse.{model.name} as mart
        inner join part_days on mart.local_date {is_same} part_days.local_date
        order by part_no, {", ".join(model.key)}
    """)
    reader = rows.to_arrow_reader(ROW_GROUP)
    schema = reader.schema.remove(len(reader.schema) - 1)
    for number, pieces in groupby(_cut(reader), key=lambda piece: piece[0]):
        _write_file(folder / parts[number].name, schema, (rows for _, rows in pieces))
    connection.unregister("part_days")


def _cut(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Batches of rows in the order of their last column, the number of a part: cut where it changes, and without it."""
    for batch in batches:
        *_, numbers = batch.columns
        rows = batch.select(range(batch.num_columns - 1))
        runs, start = pc.run_end_encode(numbers), 0
        for number, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            yield number, rows.slice(start, end - start)
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


def _replaced(lake: Lake, mart: StagedMart) -> Iterator[str]:
    folder = f"{FOLDER}/{mart.name}"
    for path in sorted(file.path for file in lake.store.files(folder)):
        name = path.removeprefix(f"{folder}/")
        if name.startswith(tuple(mart.replaced)):
            yield name
