"""Running queries: batches, several statements, errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from pipeline.errors import QueryError
from pipeline.warehouse.connection import connect
from pipeline.warehouse.query import BATCH_ROWS, ResultColumn, run, run_arrow
from tests.unit.warehouse.lakes import LakeFiles


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty lake."""
    with closing(connect(LakeFiles(tmp_path / "lake").root)) as opened:
        yield opened


def test_rows_come_in_batches(connection: duckdb.DuckDBPyConnection) -> None:
    """A large result is never held as a whole."""
    (result,) = run(connection, "from range(5000)")
    sizes = [len(batch) for batch in result.batches()]
    assert sum(sizes) == 5000
    assert max(sizes) == BATCH_ROWS


def test_columns_are_told_with_their_types(connection: duckdb.DuckDBPyConnection) -> None:
    """Numbers and JSON are known as such, since they are written in another way."""
    query = "select 1 as a, 1.5::decimal(4, 2) as b, 'x' as c, '{}'::json as d, [1] as e, 1::utinyint as f, 1::bit as g"
    (result,) = run(connection, query)
    assert [column.name for column in result.columns if column.is_number] == ["a", "b", "f"]
    assert [column.name for column in result.columns if column.is_json] == ["d"]
    assert result.columns[0] == ResultColumn("a", "INTEGER")


def test_several_statements_run_in_turn(connection: duckdb.DuckDBPyConnection) -> None:
    """Each result is read before the next statement starts; one that was not read to its end hinders nobody."""
    results = run(connection, "from range(100000); select 2 as b")
    assert next(next(results).batches())[0] == (0,)
    assert [row for batch in next(results).batches() for row in batch] == [(2,)]
    assert next(results, None) is None


def test_nothing_runs_if_one_statement_could_write(connection: duckdb.DuckDBPyConnection) -> None:
    """A text is checked as a whole."""
    with pytest.raises(QueryError, match="read-only"):
        next(run(connection, "select 1; drop view messages"))


def test_errors_are_duckdbs_own_words(connection: duckdb.DuckDBPyConnection) -> None:
    """A misspelt column is told as DuckDB tells it, with its suggestion and the place."""
    with pytest.raises(QueryError) as caught:
        next(run(connection, "select mesage_id from messages"))
    assert 'Referenced column "mesage_id" not found' in str(caught.value)
    assert "message_id" in str(caught.value)
    assert "LINE 1" in str(caught.value)


def test_an_error_on_the_way_is_one_of_ours(connection: duckdb.DuckDBPyConnection) -> None:
    """What fails after the first rows fails in the same way."""
    results = run(connection, "select if(range = 99000, error('late'), range) as n from range(100000) order by all")
    with pytest.raises(QueryError, match="late"):
        sum(len(batch) for result in results for batch in result.batches())


def test_arrow_batches(connection: duckdb.DuckDBPyConnection) -> None:
    """Arrow results have at least one batch, which carries the columns, and come from one statement."""
    assert sum(batch.num_rows for batch in run_arrow(connection, "from range(50000)")) == 50_000
    (empty,) = run_arrow(connection, "select 1 as a where false")
    assert (empty.num_rows, empty.schema.names) == (0, ["a"])
    with pytest.raises(QueryError, match="only one query"):
        list(run_arrow(connection, "select 1; select 2"))
    with pytest.raises(QueryError, match="read-only"):
        list(run_arrow(connection, "drop view messages"))
