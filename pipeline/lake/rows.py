"""The lossless codec of the lake: JSON objects of the API become rows, and rows become the very same objects.

A null column stands for an absent field. What columns can't say (unknown fields at any level, explicit nulls, values of
another type than their column's, timestamps in another form, empty objects, strings that are not Unicode) is kept in
`extra`, a JSON object that is merged over what the columns give. Only secrets are lost (`secrets.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, TypeAlias

import msgspec
import pyarrow as pa

from pipeline.errors import LakeError
from pipeline.lake import exact_json, values
from pipeline.lake.exact_json import Overlay
from pipeline.lake.schema import Column, Kind, Origin, Table
from pipeline.lake.secrets import Dropped, withhold

Parents: TypeAlias = "Mapping[str, str | None]"
"""Values of the context columns by name, such as `{"conversation_id": ...}`; for apps `{"app_id": ...}`."""

Plan: TypeAlias = "dict[str, Column | Plan]"
"""Where each field of an object goes: a column, or the columns of its own fields."""


class RowError(LakeError):
    """An object of the API is no JSON object, or has no id; a row can't be made of it."""


def encode(
    table: Table,
    objects: Sequence[bytes | msgspec.Raw],
    *,
    parents: Parents | Sequence[Parents],
    exported_at: datetime | Sequence[datetime],
    run_id: str,
    dropped: Dropped | None = None,
) -> pa.Table:
    """The rows of the API's objects, one each and in their order.

    Args:
        table: which table the objects belong to.
        objects: the JSON texts of the objects.
        parents: the context of all objects, or of each.
        exported_at: when the answer was received (aware; cut to milliseconds), for all objects or for each.
        run_id: the run that writes them.
        dropped: where the names of left out fields are noted.

    Raises:
        RowError: an object has no `id` or is no JSON object. The message says nothing of its content.
    """
    made = encode_rows(table, objects, parents=parents, exported_at=exported_at, run_id=run_id, dropped=dropped)
    return to_arrow(table, made)


def encode_rows(
    table: Table,
    objects: Sequence[bytes | msgspec.Raw],
    *,
    parents: Parents | Sequence[Parents],
    exported_at: datetime | Sequence[datetime],
    run_id: str,
    dropped: Dropped | None = None,
) -> list[dict[str, Any]]:
    """The same rows as column values, for who collects many small sets before `to_arrow`.

    Raises:
        RowError: as `encode`.
    """
    noted = Dropped() if dropped is None else dropped
    contexts = [parents] * len(objects) if isinstance(parents, Mapping) else parents
    moments = [exported_at] * len(objects) if isinstance(exported_at, datetime) else exported_at
    return [
        encode_object(table, bytes(source), context, noted) | {"exported_at": values.cut(moment), "run_id": run_id}
        for source, context, moment in zip(objects, contexts, moments, strict=True)
    ]


def decode(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """The API's object of a row, exactly; numbers as `exact_json.parse` gives them.

    Args:
        table: which table the row belongs to.
        row: column values as `pa.Table.to_pylist` or DuckDB gives them; apps need the partition's `app_id` among them.
    """
    result: dict[str, Any] = {}
    for column in _restored(table):
        value = row.get(column.name)
        if value is not None:
            *above, key = column.paths[0]
            target = result
            for name in above:
                target = target.setdefault(name, {})
            target[key] = values.write(column.kind, value)
    if row["extra"] is not None:
        exact_json.merge(result, exact_json.parse(row["extra"]))
    return result


def encode_object(table: Table, source: bytes, context: Parents, dropped: Dropped) -> dict[str, Any]:
    """The column values of one object, without `exported_at` and `run_id`; what is absent is null.

    Raises:
        RowError: as for `encode`.
    """
    try:
        source.decode()
        fields = withhold(table.name, source, dropped)
        identity = fields.get("id")
        row: dict[str, Any] = {
            column.name: derive(column, fields) for column in table.fields if column.origin is Origin.DERIVED
        }
        rest = _take(_plan(table), fields, row)
    except (ValueError, RecursionError) as error:
        raise _row_error(table, "is no JSON object") from error
    id_column = _id_column(table)
    if id_column and (row[id_column] is None or "id" in rest):
        raise _row_error(table, "has no id")
    row |= {column.name: context[column.name] for column in table.fields if column.origin is Origin.CONTEXT}
    for column in table.path_fields:  # an app may answer with another id than the partition's
        if row.pop(column.name) != context[column.name] and identity:
            rest["id"] = identity
    row["extra"] = exact_json.render(rest) if rest else None
    return row


def derive(column: Column, fields: Mapping[str, bytes]) -> str | None:
    """The first string found at the paths of a derived column, or null."""
    for path in column.paths:
        value = _find(fields, path)
        if value is not None:
            return value
    return None


def to_arrow(table: Table, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The Arrow table of rows given by column name."""
    arrays = [pa.array([row[column.name] for row in rows], column.kind.arrow_type) for column in table.columns]
    return pa.Table.from_arrays(arrays, schema=table.schema)


def _row_error(table: Table, fault: str) -> RowError:
    return RowError(
        f"{table.name}: an object of the answer {fault}, so no row can be made of it. Run the export again; "
        "if it happens again, the API contradicts its specification: report it"
    )


def _take(plan: Plan, fields: dict[str, bytes], row: dict[str, Any]) -> Overlay:
    """Move what columns can hold from `fields` into `row`; what is left is the overlay, known fields first."""
    rest: Overlay = {}
    for key, node in plan.items():
        raw = fields.pop(key, b"")
        if isinstance(node, Column):
            row[node.name], exact = values.read(node.kind, raw) if raw else (None, True)
            if not exact:
                rest[key] = raw
        elif left := _take_inside(node, raw, row):
            rest[key] = left
    return rest | fields


def _take_inside(plan: Plan, raw: bytes, row: dict[str, Any]) -> bytes | Overlay:
    inner = exact_json.split(raw) if raw.startswith(b"{") else {}
    told = bool(inner)  # by columns or by the overlay; nothing but the text itself tells of an empty object
    left = _take(plan, inner, row)
    return left if told else raw


def _find(fields: Mapping[str, bytes], path: tuple[str, ...]) -> str | None:
    raw = fields.get(path[0])
    for key in path[1:]:
        raw = exact_json.split(raw).get(key) if raw and raw.startswith(b"{") else None
    return values.read(Kind.STRING, raw)[0] if raw else None


@cache
def _restored(table: Table) -> tuple[Column, ...]:
    """The columns that go back into the object."""
    return tuple(column for column in table.fields + table.path_fields if column.origin is Origin.FIELD)


@cache
def _id_column(table: Table) -> str | None:
    return next((column.name for column in _restored(table) if column.paths == (("id",),)), None)


@cache
def _plan(table: Table) -> Plan:
    plan: Plan = {}
    for column in _restored(table):
        *above, key = column.paths[0]
        node = plan
        for name in above:
            inner = node.setdefault(name, {})
            assert not isinstance(inner, Column)
            node = inner
        node[key] = column
    return plan
