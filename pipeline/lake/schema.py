"""What a table of the lake is made of: columns with a kind, an origin and a sentence of description.

The registry itself is in `tables.py`; everything that reads or writes rows is driven by these definitions.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import pyarrow as pa

SCHEMA_VERSION = 1
"""Rises when a column changes its name or meaning; a reader refuses files of a later version."""

UNKNOWN_MONTH = "unknown"
"""The month partition of rows whose moment is missing or can't be parsed."""


class Kind(StrEnum):
    """How a value is held in Arrow and Parquet."""

    STRING = "string"
    BOOL = "bool"
    INT = "int64"
    MOMENT = "timestamp[ms, UTC]"
    STRINGS = "list<string>"
    JSON = "json"

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type of this kind; JSON is kept as its text."""
        return _ARROW_TYPES[self]


_ARROW_TYPES: dict[Kind, Any] = {
    Kind.STRING: pa.string(),
    Kind.BOOL: pa.bool_(),
    Kind.INT: pa.int64(),
    Kind.MOMENT: pa.timestamp("ms", tz="UTC"),
    Kind.STRINGS: pa.list_(pa.field("element", pa.string())),  # the name Parquet gives it, so that schemas stay equal
    Kind.JSON: pa.string(),
}


class Origin(StrEnum):
    """Where a column's value comes from; only `FIELD` columns go back into the rebuilt object."""

    FIELD = "field"  # the object's own field at `paths[0]`
    DERIVED = "derived"  # the first string found at one of `paths`, repeated from a JSON column for convenience
    CONTEXT = "context"  # told by the caller: a parent's id, or a fact of our own
    BOOKKEEPING = "bookkeeping"  # extra, exported_at, run_id


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table.

    Args:
        name: the API's name in snake_case; a moment ends in `_at`.
        kind: the type.
        origin: where the value comes from.
        description: one sentence; becomes the column's comment in the warehouse.
        paths: keys from the object's root to the value; several only for derived columns, tried in order.
        dictionary: whether the Parquet writer should dictionary-encode it (few distinct values).
    """

    name: str
    kind: Kind
    origin: Origin
    description: str
    paths: tuple[tuple[str, ...], ...] = ()
    dictionary: bool = False


def text(name: str, path: str, description: str, *, few: bool = False) -> Column:
    """A string at the dotted path; `few` where distinct values are few."""
    return _field(name, Kind.STRING, path, description, few=few)


def texts(name: str, path: str, description: str) -> Column:
    """A list of strings at the dotted path."""
    return _field(name, Kind.STRINGS, path, description, few=True)


def boolean(name: str, path: str, description: str) -> Column:
    """A boolean at the dotted path."""
    return _field(name, Kind.BOOL, path, description)


def integer(name: str, path: str, description: str) -> Column:
    """A 64-bit integer at the dotted path."""
    return _field(name, Kind.INT, path, description)


def moment(name: str, path: str, description: str) -> Column:
    """A timestamp string at the dotted path."""
    return _field(name, Kind.MOMENT, path, description)


def json_text(name: str, path: str, description: str) -> Column:
    """A nested value at the dotted path, kept as its original JSON text."""
    return _field(name, Kind.JSON, path, description)


def derived(name: str, paths: tuple[str, ...], description: str, *, few: bool = False) -> Column:
    """The first string found at one of the dotted paths, all of them inside JSON columns."""
    split = tuple(tuple(path.split(".")) for path in paths)
    return Column(
        name=name, kind=Kind.STRING, origin=Origin.DERIVED, description=description, paths=split, dictionary=few
    )


def context(name: str, description: str, *, kind: Kind = Kind.STRING, few: bool = False) -> Column:
    """A value that the caller tells, such as the id of the parent."""
    return Column(name=name, kind=kind, origin=Origin.CONTEXT, description=description, dictionary=few)


def _field(name: str, kind: Kind, path: str, description: str, *, few: bool = False) -> Column:
    paths = (tuple(path.split(".")),)
    return Column(name=name, kind=kind, origin=Origin.FIELD, description=description, paths=paths, dictionary=few)


def _bookkeeping(name: str, kind: Kind, description: str, *, few: bool = False) -> Column:
    return Column(name=name, kind=kind, origin=Origin.BOOKKEEPING, description=description, dictionary=few)


BOOKKEEPING = (
    _bookkeeping(
        "extra", Kind.JSON, "JSON object merged over the other columns to give the API's exact object, or null."
    ),
    _bookkeeping("exported_at", Kind.MOMENT, "When the answer with this version of the row was received.", few=True),
    _bookkeeping("run_id", Kind.STRING, "The run that wrote this version of the row.", few=True),
)
"""Columns that end every table."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """One table of the lake; `app_id` and `month` are hive partitions, in the path only and never inside the files.

    Tables are compared by identity: there is one of each.

    Args:
        name: the folder below the lake's root.
        entity: what one row is called in the ledger and in tombstones.
        key: the columns that, with `app_id`, identify a row; for apps `app_id` alone.
        envelope: the key of the list in the API's answer; None where no answer holds such a list.
        grain: one sentence; becomes the table's comment in the warehouse.
        fields: the table's own columns, in order, without the bookkeeping ones.
        parent: the context column that names the owner of a listed object, or None.
        partitions: hive partition columns, outermost first.
        partition_moment: the column that decides `month`, or None.
        path_fields: fields of the object that are partitions: the id of an app.
    """

    name: str
    entity: str
    key: tuple[str, ...]
    envelope: str | None
    grain: str
    fields: tuple[Column, ...]
    parent: str | None = None
    partitions: tuple[str, ...] = ("app_id",)
    partition_moment: str | None = None
    path_fields: tuple[Column, ...] = ()

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """All columns of a file, in order."""
        return self.fields + BOOKKEEPING

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema of a file, with the table's name and the schema version as metadata."""
        metadata = {"sunlake.table": self.name, "sunlake.schema_version": str(SCHEMA_VERSION)}
        return pa.schema([pa.field(column.name, column.kind.arrow_type) for column in self.columns], metadata=metadata)

    @cached_property
    def dictionary_columns(self) -> list[str]:
        """The Parquet paths of the columns to dictionary-encode; the rest is cheaper and smaller without."""
        return [
            f"{column.name}.list.element" if column.kind is Kind.STRINGS else column.name
            for column in self.columns
            if column.dictionary
        ]

    def column(self, name: str) -> Column:
        """The column of that name; KeyError if there is none."""
        return {column.name: column for column in self.columns}[name]
