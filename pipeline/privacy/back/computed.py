"""Ids of the erased in what was computed from the lake: a warehouse or marts of before may come back by themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import duckdb
import pyarrow as pa

from pipeline.bounded import connect_bounded
from pipeline.errors import LakeError
from pipeline.lake.layout import Lake
from pipeline.privacy.back.rows import MEMORY_LIMIT, ROWS_AT_ONCE
from pipeline.spill import spill_folder
from pipeline.suppression.redact import Policy
from pipeline.suppression.subjects import Kind
from pipeline.suppression.suppressed import Suppressed
from pipeline.warehouse.stored import warehouse_file
from pipeline.warehouse.views import quoted, text

_KINDS: Final = {"user_key": Kind.USER, "user_id": Kind.USER, "conversation_id": Kind.CONVERSATION}
_OF_MESSAGES: Final = ("message_id", "msg_id")


def computed_ids(lake: Lake, matcher: Suppressed, *, policy: Policy) -> dict[Kind, frozenset[str]]:
    """The ids that are in the warehouse or in the Parquet files of the marts, by kind.

    Conversations of which the words of the business stay are there by right.

    Raises:
        LakeError: one of the files can't be read.
    """
    found: dict[Kind, set[str]] = defaultdict(set)
    try:
        with connect_bounded(spill_folder(lake.private), memory_limit=MEMORY_LIMIT) as duck:
            lake.store.attach(duck)
            for relation, column, kind in list(_columns(duck, lake)):
                if not matcher.any_of(kind) or (kind is Kind.CONVERSATION and policy.scope != "whole"):
                    continue
                query = f"select distinct {column}::varchar as id from {relation} where {column} is not null"
                for batch in duck.sql(query).to_arrow_reader(ROWS_AT_ONCE):
                    ids = pa.chunked_array([batch["id"]])
                    found[kind].update(ids.filter(matcher.has(kind, ids)).to_pylist())
    except duckdb.Error as error:
        raise LakeError(
            f"the models can't be looked into ({type(error).__name__}); build them anew: `sunlake build --full`"
        ) from None
    return {kind: frozenset(ids) for kind, ids in found.items() if ids}


def _columns(duck: duckdb.DuckDBPyConnection, lake: Lake) -> Iterator[tuple[str, str, Kind]]:
    """Whatever holds ids: relation, column and the kind of its ids."""
    warehouse = warehouse_file(lake)
    if warehouse.exists():
        duck.execute(f"attach {text(str(warehouse))} as warehouse (read_only)")
        columns = duck.execute("""
            select schema_name, table_name, column_name from duckdb_columns() where database_name = 'warehouse'
        """).fetchall()
        for schema, table, column in columns:
            if (kind := _kind_of(column)) is not None:
                yield f"warehouse.{quoted(schema)}.{quoted(table)}", quoted(column), kind
    for file in lake.store.files(*(f"marts/{mart}" for mart in lake.store.folders("marts"))):
        relation = f"read_parquet({text(lake.store.url(file.path))})"
        for column, *_ in duck.execute(f"describe from {relation}").fetchall():
            if (kind := _kind_of(column)) is not None:
                yield relation, quoted(column), kind


def _kind_of(column: str) -> Kind | None:
    return Kind.MESSAGE if column.endswith(_OF_MESSAGES) else _KINDS.get(column)
