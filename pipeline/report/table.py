"""A table of the report: what a page shows, and what is written for other tools."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from pipeline.report.wording import Kind, value_text


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `name` for tools, `heading` for people."""

    name: str
    heading: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns. `name` is unique in a report and safe as a file's name; the first column names the row."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]

    def __bool__(self) -> bool:
        return bool(self.rows)

    def first_columns(self, count: int) -> Table:
        """The same table with its first columns only."""
        return Table(self.name, self.title, self.columns[:count], tuple(row[:count] for row in self.rows))

    def records(self) -> Iterator[dict[str, Any]]:
        """The rows by the names of their columns."""
        names = [column.name for column in self.columns]
        return (dict(zip(names, row, strict=True)) for row in self.rows)

    def texts(self, *, most: int | None = None) -> Iterator[list[str]]:
        """The rows, or the first so many, as a person reads them."""
        kinds = [column.kind for column in self.columns]
        return ([value_text(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in self.rows[:most])


def make_table(name: str, title: str, columns: Sequence[Column], records: Iterable[Mapping[str, Any]]) -> Table:
    """A table of records that have at least the columns' names."""
    names = [column.name for column in columns]
    return Table(name, title, tuple(columns), tuple(tuple(record[each] for each in names) for record in records))


def query_records(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The rows of a query by the names of its columns."""
    cursor = connection.execute(sql, parameters)
    names = [entry[0] for entry in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def query_table(
    connection: duckdb.DuckDBPyConnection, sql: str, *, name: str, title: str, columns: Sequence[Column]
) -> Table:
    """A table of a query that gives at least the columns' names."""
    return make_table(name, title, columns, query_records(connection, sql))
