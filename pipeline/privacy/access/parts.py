"""The files for machines: each table as Parquet and as JSON, written and read in pieces."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.lake.schema import Kind
from pipeline.lake.values import format_moment
from pipeline.privacy.access.columns import copy_columns, copy_schema

# Fixed, since the sizes in which rows arrive may differ between two runs, and the bytes must not.
ROW_GROUP_ROWS: Final = 5_000


def write_parquet(name: str, rows: Iterable[Mapping[str, Any]], path: Path) -> int:
    """Write the rows of one table of the copy; returns their number."""
    schema = copy_schema(name)
    count = 0
    with pq.ParquetWriter(str(path), schema, compression="zstd") as writer:
        for group in _groups(rows):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
            count += len(group)
    return count


def read_parquet(path: Path, *, batch_rows: int = 1_000) -> Iterator[dict[str, Any]]:
    """The rows of a file of `write_parquet`, in their order."""
    with pq.ParquetFile(path) as parquet:
        for batch in parquet.iter_batches(batch_size=batch_rows):
            yield from batch.to_pylist()


def json_chunks(name: str, rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """The rows as a JSON list, one row a line."""
    columns = [(column.name, column.kind) for column in copy_columns(name)]
    separator = b"[\n"
    for row in rows:
        members = [f"{json.dumps(key)}:{_value(kind, row[key])}" for key, kind in columns if row[key] is not None]
        yield separator + b"{" + ",".join(members).encode() + b"}"
        separator = b",\n"
    yield b"[]\n" if separator == b"[\n" else b"\n]\n"


def _value(kind: Kind, value: Any) -> str:
    if kind is Kind.JSON:
        return str(value)
    return json.dumps(format_moment(value) if kind is Kind.MOMENT else value, ensure_ascii=False)


def _groups(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    group: list[Mapping[str, Any]] = []
    for row in rows:
        group.append(row)
        if len(group) == ROW_GROUP_ROWS:
            yield group
            group = []
    if group:
        yield group
