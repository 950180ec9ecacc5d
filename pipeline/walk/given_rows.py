"""Reads rows that a user gives (seeds, requests) from CSV, JSON Lines, Parquet or a DuckDB query, one at a time.

They are personal data: no message quotes a value, and a column's name is quoted only where it can't be one.
"""

from __future__ import annotations

import csv
import json
import re
import uuid
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import UsageError
from pipeline.spill import spill_folder

MAX_LINE_BYTES: Final = 1 << 20
BATCH_ROWS: Final = 10_000

_QUERY = re.compile(r"\s*(select|with|from)[\s(*'\"]", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[A-Za-z_ -]{1,40}")
# Errors of these kinds speak of the query's text; others may quote the data it read.
_SAYABLE = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What rows of one purpose look like.

    Args:
        noun: what messages call a file of them, such as "a file of seeds".
        query_label: what messages call a query for them, whose text may hold identifiers.
        identifiers: columns of which a source has at least one.
        others: all other columns that are known.
        required: those that a source can't do without.
        error: what is raised when a source can't be read.
    """

    noun: str
    query_label: str
    identifiers: tuple[str, ...]
    others: tuple[str, ...]
    error: type[UsageError]
    required: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are known."""
        return self.identifiers + self.others


@dataclass(frozen=True, slots=True)
class GivenRow:
    """One row as it was written, or what is wrong with its form. `number` is a line of a text, else a count from 1."""

    number: int
    values: dict[str, object] = field(default_factory=dict, repr=False)
    problem: str = ""


def label_of(source: str, form: Form) -> str:
    """What messages call a source: the path, or a name for a query, whose text may hold identifiers."""
    return form.query_label if _query_of(source) is not None else source


def unit_of(source: str) -> str:
    """What a row's number counts."""
    text = _query_of(source) is None and Path(source).suffix.lower() != ".parquet"
    return "line" if text else "row"


def read_rows(source: str, form: Form) -> Generator[GivenRow]:
    """All rows of a source, lazily. Whoever stops before the last one closes it, and with it the file.

    Args:
        source: a path ending in .csv, .jsonl, .ndjson or .parquet, or a query that begins with select, with or from.
        form: which columns there are.

    Raises:
        UsageError: of the form's kind: the source can't be read, or not all its columns are known.
    """
    query = _query_of(source)
    if query is not None:
        return _read_query(query, form)
    suffix = Path(source).suffix.lower()
    if suffix not in {".csv", ".jsonl", ".ndjson", ".parquet"}:
        raise form.error(f"{source}: {form.noun} ends in .csv, .jsonl, .ndjson or .parquet; a query begins with select")
    if suffix == ".parquet":
        return _read_parquet(source, form)
    return _read_csv(source, form) if suffix == ".csv" else _read_json_lines(source, form)


def text_of(value: object) -> str | None:
    """A cell as text, empty for a null; databases and Parquet files often hold external ids as integers or UUIDs.

    None where the cell is nothing that an identifier could be.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return str(value) if isinstance(value, int | uuid.UUID) and not isinstance(value, bool) else None


def wrong_rows(source: str, form: Form, shown: Sequence[str], *, count: int) -> UsageError:
    """The error that lists wrong rows: those shown, and how many there are in all."""
    rows = "1 wrong row" if count == 1 else f"{count} wrong rows"
    more = f"; the first {len(shown)}" if count > len(shown) else ""
    return form.error("\n  ".join([f"{label_of(source, form)}: {rows}{more}:", *shown]))


def _query_of(source: str) -> str | None:
    if source.startswith("duckdb:"):
        return source.removeprefix("duckdb:")
    return source if _QUERY.match(source) else None


def _open(path: str, form: Form) -> BinaryIO:
    if not Path(path).exists():
        raise form.error(f"{path}: no such file")
    if not Path(path).is_file():
        raise form.error(f"{path}: is not a regular file; name the file itself")
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise form.error(f"{path}: can't be read: {error.strerror}") from None


def _lines(path: str, form: Form) -> Generator[str]:
    with _open(path, form) as file:
        for number, raw in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""), start=1):
            if len(raw) > MAX_LINE_BYTES:
                raise form.error(f"{path}: line {number} is longer than 1 MiB; is it a text file?")
            try:
                yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise form.error(f"{path}: line {number} is not UTF-8 text; save the file as UTF-8") from None


def _read_csv(path: str, form: Form) -> Generator[GivenRow]:
    with closing(_lines(path, form)) as lines:
        reader = csv.reader(lines, strict=True)
        columns: Sequence[str] = ()
        number = 1
        try:
            for fields in reader:
                if not columns and fields:
                    columns = _checked_columns(path, form, fields)
                elif len(fields) == len(columns):
                    yield GivenRow(number, dict(zip(columns, fields, strict=True)))
                elif fields:
                    yield GivenRow(number, problem=f"{len(fields)} fields where the header has {len(columns)}")
                number = reader.line_num + 1
        except csv.Error as error:
            raise form.error(f"{path}: line {number} is malformed CSV: {error}") from None


def _read_json_lines(path: str, form: Form) -> Generator[GivenRow]:
    with closing(_lines(path, form)) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                value = json.loads(line, object_pairs_hook=_Members)
            except (ValueError, RecursionError):
                yield GivenRow(number, problem="not valid JSON")
                continue
            if not isinstance(value, _Members):
                yield GivenRow(number, problem="not a JSON object")
            elif value.twice:
                # Readers disagree on which of two values counts, and the wrong one would be a wrong person.
                yield GivenRow(number, problem="a name is there twice")
            elif unknown := [name for name in value if name not in form.columns]:
                yield GivenRow(number, problem=_unknown_columns(unknown, form))
            else:
                yield GivenRow(number, value)


class _Members(dict[str, Any]):
    """The members of a JSON object, and whether a name was there twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.twice = len(self) != len(pairs)


def _read_parquet(path: str, form: Form) -> Generator[GivenRow]:
    try:
        with _open(path, form) as file, pq.ParquetFile(file) as parquet:
            columns = _checked_columns(path, form, parquet.schema_arrow.names)
            number = 0
            for batch in parquet.iter_batches(batch_size=BATCH_ROWS):
                for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    number += 1
                    yield GivenRow(number, dict(zip(columns, values, strict=True)))
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        raise form.error(f"{path}: is not a readable Parquet file; write it anew") from None


def _read_query(query: str, form: Form) -> Generator[GivenRow]:
    config: dict[str, str | bool | int | float | list[str]] = {
        "python_enable_replacements": False,
        "temp_directory": str(spill_folder()),
    }
    with closing(duckdb.connect(config=config)) as connection:
        try:
            # The table function takes a single SELECT that writes nothing; even a WITH may hold a COPY or DELETE.
            connection.execute("from query(?)", [query])
            columns = _checked_columns(form.query_label, form, [entry[0] for entry in connection.description or ()])
            number = 0
            while rows := connection.fetchmany(BATCH_ROWS):
                for values in rows:
                    number += 1
                    yield GivenRow(number, dict(zip(columns, values, strict=True)))
        except duckdb.Error as error:
            said = str(error).splitlines()[0] if isinstance(error, _SAYABLE) else type(error).__name__
            raise form.error(f"{form.query_label} failed: {said}; it must be one SELECT that DuckDB can run") from None


def _checked_columns(label: str, form: Form, names: Sequence[str]) -> Sequence[str]:
    if not any(name in form.identifiers for name in names):
        # Without a header, the first line is data and must not be shown.
        wanted = ", ".join(form.identifiers)
        raise form.error(f"{label}: one of the columns {wanted} is needed; a CSV names them in its first line")
    if unknown := [name for name in names if name not in form.columns]:
        raise form.error(f"{label}: {_unknown_columns(unknown, form)}")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise form.error(f"{label}: column {', '.join(twice)} is there twice")
    if missing := [name for name in form.required if name not in names]:
        raise form.error(f"{label}: column {', '.join(missing)} is missing")
    return names


def _unknown_columns(names: Sequence[str], form: Form) -> str:
    shown = [repr(name) if _PLAIN_NAME.fullmatch(name) else f"of {len(name)} characters" for name in names[:10]]
    return f"unknown column {', '.join(shown)}; known are {', '.join(form.columns)}"
