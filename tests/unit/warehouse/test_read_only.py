"""Which statements may run over a lake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from pipeline.errors import QueryError
from pipeline.warehouse.read_only import reading_statements


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB without any lock, so that only the check stands between a statement and the disk."""
    with closing(duckdb.connect()) as opened:
        opened.execute("create table t (a integer)")
        yield opened


@pytest.mark.parametrize(
    "query",
    [
        "select 1",
        "from t",
        "table t",
        "values (1)",
        "(select 1)",
        "with recursive n as (select 1 as a union all select a + 1 from n where a < 3) select * from n",
        "with x as materialized (select 1) from x union all by name select 2",
        "describe t",
        "show tables",
        "summarize t",
        "explain select 1",
        "explain analyze select 1",
        "explain (format json) select 1",
        "pivot t on a in (1, 2) using count(*)",
        "unpivot t on a",
        "from t semi join t as u using (a)",
        "select 'COPY_QUERY_NODE', 'drop table t'",
        "-- copy\nselect 1 /* insert */",
    ],
)
def test_what_only_reads_may_run(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    """All forms of queries pass the check, and DuckDB runs them."""
    (statement,) = reading_statements(connection, query)
    connection.execute(statement).fetchall()


WRITING = [
    "copy (select 1) to '{target}'",
    "copy t from '{target}'",
    "export database '{target}'",
    "import database '{target}'",
    "attach '{target}' as other",
    "detach memory",
    "insert into t values (1)",
    "update t set a = 1",
    "delete from t",
    "truncate t",
    "merge into t using t as u on (t.a = u.a) when matched then delete",
    "create table u as select 1",
    "create or replace view t as select 1",
    "create temp macro m() as 1",
    "drop table t",
    "alter table t add column b integer",
    "set memory_limit = '1GB'",
    "set variable x = 1",
    "pragma enable_profiling",
    "call pragma_version()",
    "begin",
    "checkpoint",
    "vacuum",
    "install httpfs",
    "load httpfs",
    "prepare p as select 1",
    "execute p",
    "use memory",
    "with x as (copy (select 1) to '{target}') from x",
    "with x as (insert into t values (1) returning a) from x",
    "with x as (delete from t returning a) select * from x",
    "explain analyze copy (select 1) to '{target}'",
    "explain (analyze) copy (select 1) to '{target}'",
    "explain analyze with x as (copy (select 1) to '{target}') from x",
    "select 1; copy (select 1) to '{target}'",
]


@pytest.mark.parametrize("query", WRITING)
def test_what_could_write_may_not(connection: duckdb.DuckDBPyConnection, tmp_path: Path, query: str) -> None:
    """Whatever is no query, or hides something else in one, is refused with a reason before anything runs."""
    target = tmp_path / "target"
    with pytest.raises(QueryError, match="read-only"):
        reading_statements(connection, query.format(target=target))
    assert not target.exists()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("selec 1", 'syntax error at or near "selec"'),
        ("", "the query is empty"),
        (" ; -- nothing", "the query is empty"),
        ("pivot t on a using count(*)", "must name its values"),
        ("explain", "syntax error"),
        ("explain /* */ analyze copy (select 1) to 'x'", "Error"),
    ],
)
def test_what_can_not_run_is_told(connection: duckdb.DuckDBPyConnection, query: str, said: str) -> None:
    """Mistakes get DuckDB's own words, or ours where DuckDB has none."""
    with pytest.raises(QueryError, match=said):
        reading_statements(connection, query)


def test_statements_are_told_apart(connection: duckdb.DuckDBPyConnection) -> None:
    """Several queries come out one by one; a semicolon in a text separates nothing."""
    found = reading_statements(connection, "select ';' as a; -- b\n select 2;")
    assert [connection.execute(statement).fetchall() for statement in found] == [[(";",)], [(2,)]]
