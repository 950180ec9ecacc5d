"""Tells statements that only read from those that could write, whatever DuckDB's own locks let through."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import duckdb

from pipeline.errors import QueryError

_READING_NODES: Final = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
_EXPLAIN = re.compile(r"\s*explain\b(\s*\([^)]*\)|\s+analyze\b)?", re.IGNORECASE)


def reading_statements(connection: duckdb.DuckDBPyConnection, text: str) -> list[str]:
    """The statements of a text, each of which only reads.

    Raises:
        QueryError: a syntax error, no statement at all, or one that is no SELECT, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN.
    """
    try:
        statements = connection.extract_statements(text)
    except duckdb.Error as error:
        raise QueryError(str(error)) from None
    if not statements:
        raise QueryError("the query is empty; try: select count(*) from messages")
    for statement in statements:
        _check(connection, statement)
    return [statement.query for statement in statements]


def _check(connection: duckdb.DuckDBPyConnection, statement: duckdb.Statement) -> None:
    kind = statement.type
    if kind == duckdb.StatementType.EXPLAIN:
        # EXPLAIN ANALYZE runs what it explains.
        reading_statements(connection, _EXPLAIN.sub("", statement.query, count=1))
    elif kind == duckdb.StatementType.MULTI:
        raise QueryError("a pivot must name its values: pivot ... on column in ('a', 'b') using ...")
    elif kind != duckdb.StatementType.SELECT or not _only_selects(connection, statement.query):
        raise QueryError("the lake is read-only: only SELECT, DESCRIBE, SHOW, SUMMARIZE and EXPLAIN may run")


def _only_selects(connection: duckdb.DuckDBPyConnection, query: str) -> bool:
    # A SELECT may write, too: `with x as (copy ... to ...) select ...`.
    ((text,),) = connection.execute("select json_serialize_sql(?::varchar)", [query]).fetchall()
    tree = json.loads(text)
    return not tree["error"] and _READING_NODES.issuperset(_nodes(tree))


def _nodes(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        kind = tree.get("type")
        if isinstance(kind, str) and kind.endswith("_NODE"):
            yield kind
        for value in tree.values():
            yield from _nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)
