"""How results look as table, Markdown, CSV, JSON and Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.warehouse.format import Format, cell_text, printable, unique_names, write_parquet, write_text
from pipeline.warehouse.query import run, run_arrow

ODD = """
    select 1 as id, 2 as id, 1.10::decimal(5, 2) as price, 'a|b' as text, null as nothing, true as flag,
        timestamptz '2026-01-01 10:00:00.5+02' as moment, timestamp '2026-01-01' as local, date '2026-01-01' as day_of,
        [1, 2] as list, {'a': timestamptz '2026-01-01 00:00:00+00'} as struct, '{"a": [1]}'::json as tree,
        'ab'::blob as bytes, 'nan'::double as ratio, 12345678901234567890123::hugeint as huge
"""


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB alone: no lake is needed to write results."""
    with closing(duckdb.connect()) as opened:
        opened.execute("set global TimeZone = 'UTC'")
        yield opened


def _written(connection: duckdb.DuckDBPyConnection, query: str, form: Format) -> str:
    stream = io.StringIO()
    for result in run(connection, query):
        write_text(result, form, stream)
    return stream.getvalue()


def test_table(connection: duckdb.DuckDBPyConnection) -> None:
    """Columns are aligned, numbers to the right, and nothing trails."""
    written = _written(connection, "select * from (values (1, 'a'), (100, null)) as rows(number, text)", Format.TABLE)
    assert written == "number  text\n------  ----\n     1  a\n   100  NULL\n"


def test_markdown(connection: duckdb.DuckDBPyConnection) -> None:
    """A pipe in a cell does not end it."""
    written = _written(connection, "select 1 as number, 'a|b' as text", Format.MARKDOWN)
    assert written == "| number | text |\n| ---: | --- |\n| 1 | a\\|b |\n"


def test_csv(connection: duckdb.DuckDBPyConnection) -> None:
    """CSV is quoted where needed, moments are UTC with Z, and a null is nothing."""
    header, row = csv.reader(io.StringIO(_written(connection, ODD, Format.CSV)))
    assert header[:3] == ["id", "id", "price"]
    assert row == [
        "1", "2", "1.10", "a|b", "", "true", "2026-01-01T08:00:00.500Z", "2026-01-01T00:00:00", "2026-01-01",
        "[1,2]", '{"a":"2026-01-01T00:00:00Z"}', '{"a": [1]}', "6162", "nan", "12345678901234567890123",
    ]  # fmt: skip


def test_json(connection: duckdb.DuckDBPyConnection) -> None:
    """JSON keeps types: numbers are numbers, JSON stays JSON, and a column that is there twice is not lost."""
    written = _written(connection, ODD, Format.JSON)
    assert json.loads(written) == [
        {
            "id": 1, "id_1": 2, "price": 1.1, "text": "a|b", "nothing": None, "flag": True,
            "moment": "2026-01-01T08:00:00.500Z", "local": "2026-01-01T00:00:00", "day_of": "2026-01-01",
            "list": [1, 2], "struct": {"a": "2026-01-01T00:00:00Z"}, "tree": {"a": [1]}, "bytes": "6162",
            "ratio": None, "huge": 12345678901234567890123,
        }
    ]  # fmt: skip
    assert _written(connection, "from range(3)", Format.JSON) == '[{"range":0},\n{"range":1},\n{"range":2}]\n'
    assert _written(connection, "select 1 where false", Format.JSON) == "[]\n"


def test_parquet(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Parquet keeps types, an empty result has its columns, and names are made unique."""
    path = tmp_path / "x.parquet"
    assert write_parquet(run_arrow(connection, "select range as n, 'x' as n from range(50000)"), path) == 50_000
    table = pq.read_table(path)
    assert (table.num_rows, table.schema.names) == (50_000, ["n", "n_1"])
    assert write_parquet(run_arrow(connection, "select timestamptz '2026-01-01' as t where false"), path) == 0
    assert str(pq.read_schema(path).field("t").type) == "timestamp[us, tz=UTC]"


@pytest.mark.parametrize("form", [Format.TABLE, Format.MARKDOWN])
def test_texts_do_not_act_on_the_terminal(connection: duckdb.DuckDBPyConnection, form: Format) -> None:
    """Escape sequences, line breaks and reversed text in a message are shown as what they are."""
    written = _written(connection, "select chr(27) || '[2J' || chr(10) || chr(8238) || 'ü😀' as text", form)
    assert r"\x1b[2J\n\u202eü😀" in written
    assert "\x1b" not in written


@given(st.text())
def test_printable_text_is_one_line(text: str) -> None:
    """Whatever a text holds, it stays on its line."""
    assert len(printable(text).splitlines()) <= 1


@pytest.mark.parametrize(
    ("value", "text"), [(None, "NULL"), (False, "false"), (0, "0"), (1.0, "1.0"), ("", ""), ([None], "[null]")]
)
def test_cells(value: object, text: str) -> None:
    """Values that look alike stay apart."""
    assert cell_text(value) == text


def test_unique_names() -> None:
    """A made-up name never takes one that is there."""
    assert unique_names(["a", "a", "a_1", "b"]) == ["a", "a_1", "a_1_1", "b"]


@pytest.mark.parametrize("form", [Format.TABLE, Format.MARKDOWN, Format.CSV, Format.JSON])
def test_large_results_are_written_whole(connection: duckdb.DuckDBPyConnection, form: Format) -> None:
    """No form drops rows."""
    assert _written(connection, "from range(10000)", form).count("\n") >= 10_000
