"""Writes results as plain table, Markdown, CSV, JSON or Parquet, without keeping more than a batch of rows."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Any, Final, TextIO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.warehouse.query import Result, ResultColumn


class Format(StrEnum):
    """How a result is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    MARKDOWN = "markdown"
    PARQUET = "parquet"


# Texts come from strangers: escape sequences would act on the terminal, and the second group turns its text around.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_encode = msgspec.json.Encoder(enc_hook=str, decimal_format="number").encode


def write_text(result: Result, form: Format, stream: TextIO) -> int:
    """Write a result in any form but Parquet; returns its number of rows."""
    return _WRITERS[form](result, stream)


def write_parquet(batches: Iterator[pa.RecordBatch], path: Path) -> int:
    """Write Arrow batches, at least one, into a new Parquet file; returns their number of rows."""
    first = next(batches)
    names = unique_names(first.schema.names)
    schema = pa.schema([field.with_name(name) for field, name in zip(first.schema, names, strict=True)])
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in chain([first], batches):
            writer.write_batch(batch.rename_columns(names))
            count += batch.num_rows
    return count


def cell_text(value: object, *, null: str = "NULL") -> str:
    """A value as one printable text; moments are ISO 8601, in UTC with Z."""
    if value is None:
        return null
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, bytes):
        return value.hex()
    return _encode(value).decode() if isinstance(value, dict | list | tuple) else str(value)


def printable(text: str) -> str:
    """The text with everything escaped that would act on a terminal instead of being shown."""
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def unique_names(names: Sequence[str]) -> list[str]:
    """The names, with a number behind those that are there already, as in `id`, `id_1`."""
    taken: set[str] = set()
    result = []
    for name in names:
        candidate, number = name, 0
        while candidate in taken:
            number += 1
            candidate = f"{name}_{number}"
        taken.add(candidate)
        result.append(candidate)
    return result


def _write_csv(result: Result, stream: TextIO) -> int:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([column.name for column in result.columns])
    count = 0
    for rows in result.batches():
        writer.writerows([cell_text(value, null="") for value in row] for row in rows)
        count += len(rows)
    return count


def _write_json(result: Result, stream: TextIO) -> int:
    names = unique_names([column.name for column in result.columns])
    convert = [_json_text if column.is_json else _json_value for column in result.columns]
    count = 0
    for rows in result.batches():
        for row in rows:
            values = (function(value) for function, value in zip(convert, row, strict=True))
            stream.write(",\n" if count else "[")
            stream.write(_encode(dict(zip(names, values, strict=True))).decode())
            count += 1
    stream.write("]\n" if count else "[]\n")
    return count


def _write_markdown(result: Result, stream: TextIO) -> int:
    def line(cells: Iterable[str]) -> None:
        stream.write("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")

    line(printable(column.name) for column in result.columns)
    line("---:" if column.is_number else "---" for column in result.columns)
    count = 0
    for rows in result.batches():
        for row in rows:
            line(printable(cell_text(value)) for value in row)
        count += len(rows)
    return count


def _write_table(result: Result, stream: TextIO) -> int:
    """Columns are as wide as the first batch needs; a wider cell further down is written out all the same."""
    batches = result.batches()
    first = next(batches, [])
    head = [printable(column.name) for column in result.columns]
    widths = _widths([head, *([printable(cell_text(value)) for value in row] for row in first)])
    stream.write(_line(head, result.columns, widths))
    stream.write(_line(["-" * width for width in widths], result.columns, widths))
    count = 0
    for rows in chain([first], batches):
        texts = ([printable(cell_text(value)) for value in row] for row in rows)
        stream.writelines(_line(cells, result.columns, widths) for cells in texts)
        count += len(rows)
    return count


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]


def _line(cells: Sequence[str], columns: Sequence[ResultColumn], widths: Sequence[int]) -> str:
    padded = [
        cell.rjust(width) if column.is_number else cell.ljust(width)
        for cell, column, width in zip(cells, columns, widths, strict=True)
    ]
    return "  ".join(padded).rstrip() + "\n"


def _json_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return _moment(value)
    return value.hex() if isinstance(value, bytes) else value


def _json_text(value: Any) -> Any:
    return msgspec.Raw(value.encode()) if isinstance(value, str) else value


def _moment(value: datetime) -> str:
    digits = "seconds" if not value.microsecond else "microseconds" if value.microsecond % 1000 else "milliseconds"
    return value.isoformat(timespec=digits).replace("+00:00", "Z")


_WRITERS: Final[dict[Format, Callable[[Result, TextIO], int]]] = {
    Format.TABLE: _write_table,
    Format.CSV: _write_csv,
    Format.JSON: _write_json,
    Format.MARKDOWN: _write_markdown,
}
