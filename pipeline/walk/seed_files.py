"""Reads rows of seeds from CSV, JSON Lines, Parquet or a DuckDB query, one at a time.

Seeds are personal data: no message quotes a value, and a column's name is quoted only where it can't be one.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import SeedsError

IDENTIFIERS: Final = ("user_id", "external_id", "email", "conversation_id")
COLUMNS: Final = (*IDENTIFIERS, "app_id", "brand_id")
QUERY_LABEL: Final = "the seeds query"
MAX_LINE_BYTES: Final = 1 << 20
BATCH_ROWS: Final = 10_000

_QUERY = re.compile(r"\s*(select|with|from)[\s(*'\"]", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[A-Za-z_ -]{1,40}")
# Errors of these kinds speak of the query's text; others may quote the data it read.
_SAYABLE = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException)


@dataclass(frozen=True, slots=True)
class SeedRow:
    """One row as it was written, or what is wrong with its form. `number` is a line of a text, else a count from 1."""

    number: int
    values: dict[str, object] = field(default_factory=dict, repr=False)
    problem: str = ""


def label_of(source: str) -> str:
    """What messages call a source: the path, or a name for a query, whose text may hold identifiers."""
    return QUERY_LABEL if _query_of(source) is not None else source


def unit_of(source: str) -> str:
    """What a row's number counts."""
    text = _query_of(source) is None and Path(source).suffix.lower() != ".parquet"
    return "line" if text else "row"


def read_rows(source: str) -> Iterator[SeedRow]:
    """All rows of a source, lazily.

    Args:
        source: a path ending in .csv, .jsonl, .ndjson or .parquet, or a query that begins with select, with or from.

    Raises:
        SeedsError: the source can't be read, or not all its columns are known.
    """
    query = _query_of(source)
    if query is not None:
        return _read_query(query)
    suffix = Path(source).suffix.lower()
    if suffix not in {".csv", ".jsonl", ".ndjson", ".parquet"}:
        raise SeedsError(
            f"{source}: a file of seeds ends in .csv, .jsonl, .ndjson or .parquet; a query begins with select"
        )
    if suffix == ".parquet":
        return _read_parquet(source)
    return _read_csv(source) if suffix == ".csv" else _read_json_lines(source)


def _query_of(source: str) -> str | None:
    if source.startswith("duckdb:"):
        return source.removeprefix("duckdb:")
    return source if _QUERY.match(source) else None


def _open(path: str) -> BinaryIO:
    if not Path(path).exists():
        raise SeedsError(f"{path}: no such file")
    if not Path(path).is_file():
        raise SeedsError(f"{path}: is not a regular file; name the file itself")
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise SeedsError(f"{path}: can't be read: {error.strerror}") from None


def _lines(path: str) -> Iterator[str]:
    with _open(path) as file:
        for number, raw in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""), start=1):
            if len(raw) > MAX_LINE_BYTES:
                raise SeedsError(f"{path}: line {number} is longer than 1 MiB; is it a text file?")
            try:
                yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise SeedsError(f"{path}: line {number} is not UTF-8 text; save the file as UTF-8") from None


def _read_csv(path: str) -> Iterator[SeedRow]:
    reader = csv.reader(_lines(path), strict=True)
    columns: Sequence[str] = ()
    number = 1
    try:
        for fields in reader:
            if not columns and fields:
                columns = _checked_columns(path, fields)
            elif len(fields) == len(columns):
                yield SeedRow(number, dict(zip(columns, fields, strict=True)))
            elif fields:
                yield SeedRow(number, problem=f"{len(fields)} fields where the header has {len(columns)}")
            number = reader.line_num + 1
    except csv.Error as error:
        raise SeedsError(f"{path}: line {number} is malformed CSV: {error}") from None


def _read_json_lines(path: str) -> Iterator[SeedRow]:
    decoder = msgspec.json.Decoder()
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            value = decoder.decode(line)
        except msgspec.DecodeError:
            yield SeedRow(number, problem="not valid JSON")
            continue
        if not isinstance(value, dict):
            yield SeedRow(number, problem="not a JSON object")
        elif unknown := [name for name in value if name not in COLUMNS]:
            yield SeedRow(number, problem=_unknown_columns(unknown))
        else:
            yield SeedRow(number, value)


def _read_parquet(path: str) -> Iterator[SeedRow]:
    try:
        with _open(path) as file, pq.ParquetFile(file) as parquet:
            columns = _checked_columns(path, parquet.schema_arrow.names)
            number = 0
            for batch in parquet.iter_batches(batch_size=BATCH_ROWS):
                for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    number += 1
                    yield SeedRow(number, dict(zip(columns, values, strict=True)))
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        raise SeedsError(f"{path}: is not a readable Parquet file; write it anew") from None


def _read_query(query: str) -> Iterator[SeedRow]:
    with closing(duckdb.connect(config={"python_enable_replacements": False})) as connection:
        try:
            # The table function takes a single SELECT that writes nothing; even a WITH may hold a COPY or DELETE.
            connection.execute("from query(?)", [query])
            columns = _checked_columns(QUERY_LABEL, [entry[0] for entry in connection.description or ()])
            number = 0
            while rows := connection.fetchmany(BATCH_ROWS):
                for values in rows:
                    number += 1
                    yield SeedRow(number, dict(zip(columns, values, strict=True)))
        except duckdb.Error as error:
            said = str(error).splitlines()[0] if isinstance(error, _SAYABLE) else type(error).__name__
            raise SeedsError(f"{QUERY_LABEL} failed: {said}; it must be one SELECT that DuckDB can run") from None


def _checked_columns(label: str, names: Sequence[str]) -> Sequence[str]:
    if not any(name in IDENTIFIERS for name in names):
        # Without a header, the first line is data and must not be shown.
        wanted = ", ".join(IDENTIFIERS)
        raise SeedsError(f"{label}: one of the columns {wanted} is needed; a CSV names them in its first line")
    if unknown := [name for name in names if name not in COLUMNS]:
        raise SeedsError(f"{label}: {_unknown_columns(unknown)}")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SeedsError(f"{label}: column {', '.join(twice)} is there twice")
    return names


def _unknown_columns(names: Sequence[str]) -> str:
    shown = [repr(name) if _PLAIN_NAME.fullmatch(name) else f"of {len(name)} characters" for name in names[:10]]
    return f"unknown column {', '.join(shown)}; known are {', '.join(COLUMNS)}"
