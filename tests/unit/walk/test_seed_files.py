"""The forms in which seeds come: CSV, JSON Lines, Parquet and queries, and what is said of broken ones."""

from __future__ import annotations

import json
import os
import tracemalloc
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import SeedsError
from pipeline.walk.seeds import SeedKind, read_seeds, validate_seeds

APP = "5d8cff3cd55b040010928b5b"
USER = "7494535bff5cef41a15be74d"


def _values(source: Path | str) -> list[tuple[str, str]]:
    return [(seed.kind, seed.value) for seed in read_seeds(str(source), app_ids=[APP])]


def _complaint(source: Path | str) -> str:
    with pytest.raises(SeedsError) as caught:
        validate_seeds(str(source), app_ids=[APP])
    return str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_csv_with_and_without_a_byte_order_mark(tmp_path: Path, encoding: str, newline: str) -> None:
    """What a spreadsheet saves is read, byte order mark, quotes and line ends included."""
    path = tmp_path / "seeds.CSV"
    path.write_text(
        newline.join(["external_id,email", '"Müller, ""J""",', "", ",ann@example.org"]), encoding, newline=""
    )
    assert _values(path) == [("external_id", 'Müller, "J"'), ("email", "ann@example.org")]


@pytest.mark.parametrize("name", ["seeds.jsonl", "seeds.ndjson"])
def test_json_lines(tmp_path: Path, name: str) -> None:
    """One object a line; nulls, empty texts and blank lines count as nothing, integers are ids."""
    rows = [{"user_id": USER, "email": None}, {"external_id": 42, "brand_id": ""}]
    path = tmp_path / name
    path.write_text("\n\n".join(json.dumps(row) for row in rows), "utf-8-sig")
    assert _values(path) == [("user_id", USER), ("external_id", "42")]


def test_parquet(tmp_path: Path) -> None:
    """Columns of a Parquet file are read, whatever encodes them."""
    path = tmp_path / "seeds.parquet"
    external = pa.array([None, "crm-7"]).dictionary_encode()
    pq.write_table(pa.table({"user_id": pa.array([USER, None]), "external_id": external}), path)
    assert _values(path) == [("user_id", USER), ("external_id", "crm-7")]


def test_query(tmp_path: Path) -> None:
    """A SELECT reads any file that DuckDB reads, and gives integers and UUIDs as ids."""
    (tmp_path / "crm.csv").write_text("customer,active\n7,true\n8,false\n")
    assert _values(f"select customer as external_id from '{tmp_path}/crm.csv' where active") == [("external_id", "7")]
    number = uuid.UUID(int=7)
    assert _values(f"duckdb:\n-- all\nfrom (select '{number}'::uuid as external_id)") == [("external_id", str(number))]
    assert _values(" WITH ids as (select 1 as external_id) select * from ids") == [("external_id", "1")]


def test_reading_needs_no_memory_for_what_was_read(tmp_path: Path) -> None:
    """100,000 rows are checked within the memory of a few."""
    path = tmp_path / "many.csv"
    with path.open("w") as file:
        file.write("user_id\n")
        file.writelines(f"{number:024x}\n" for number in range(100_000))
    tracemalloc.start()
    try:
        assert validate_seeds(str(path), app_ids=[APP]) == 100_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"user_id\n", "is empty"),
        ("a.jsonl", b"\n\n", "is empty"),
        ("a.csv", b"ann@example.org\nbee@example.org\n", "one of the columns user_id"),
        ("a.csv", b"app_id,brand_id\n1,2\n", "one of the columns user_id"),
        ("a.csv", b"user_id,phone number\n", "unknown column 'phone number'; known are user_id"),
        ("a.csv", b"user_id,ann@example.org\n", "unknown column of 15 characters"),
        ("a.csv", b"user_id,user_id\n", "column user_id is there twice"),
        ("a.csv", "user_id\näöü".encode("latin-1"), "line 2 is not UTF-8 text"),
        ("a.csv", "user_id\n".encode("utf-16"), "line 1 is not UTF-8 text"),
        ("a.csv", b'external_id\ncrm-1\n"crm-2" x\n', "line 3 is malformed CSV"),
        ("a.csv", b'external_id\ncrm-1\n"crm-2\n\n\n', "line 3 is malformed CSV"),
        ("a.csv", b"user_id\n" + b"a" * (1 << 21), "line 2 is longer than 1 MiB"),
        ("a.jsonl", b'{"user_id": "x"', "line 1: not valid JSON"),
        ("a.jsonl", b'["ann@example.org"]\n', "line 1: not a JSON object"),
        ("a.jsonl", b'\n{"userId": "ann"}\n', "line 2: unknown column 'userId'"),
        ("a.jsonl", b'{"external_id": 1.5}\n', "line 1: external_id is no text"),
        ("a.jsonl", b'{"external_id": true}\n', "line 1: external_id is no text"),
        ("a.parquet", b"PAR1 ann@example.org", "is not a readable Parquet file"),
        ("a.xlsx", b"PK", "ends in .csv, .jsonl, .ndjson or .parquet"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    """What is wrong with a file is said with its name and line, and without its content."""
    path = tmp_path / name
    path.write_bytes(content)
    message = _complaint(path)
    assert message.startswith(str(path))
    assert said in message
    assert "ann" not in message
    assert "crm" not in message


def test_a_torn_parquet_file_is_refused(tmp_path: Path) -> None:
    """A file that lost its end is named."""
    path = tmp_path / "torn.parquet"
    pq.write_table(pa.table({"user_id": [USER] * 1000}), path)
    os.truncate(path, path.stat().st_size - 20)
    assert "is not a readable Parquet file" in _complaint(path)


def test_a_parquet_row_is_counted(tmp_path: Path) -> None:
    """A Parquet file has no lines, so rows are counted from 1."""
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"user_id": [USER, "nobody"]}), path)
    assert "row 2: user_id is not 24" in _complaint(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A missing file, a folder and a pipe are told apart, since seeds are read twice."""
    assert _complaint(tmp_path / "none.csv").endswith("none.csv: no such file")
    (tmp_path / "folder.csv").mkdir()
    assert "not a regular file" in _complaint(tmp_path / "folder.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    assert "not a regular file" in _complaint(tmp_path / "pipe.csv")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("select 'ann' as email; drop table users", "Expected a single SELECT"),
        ("with a as (select 1) insert into b from a", "Expected a single SELECT"),
        ("from nowhere", "Table with name nowhere does not exist"),
        ("select from where", "Parser Error"),
        ("select 'ann'::int as external_id", "failed: ConversionException"),
        ("select 'ann' as name", "one of the columns user_id"),
        ("select 'ann'::blob as external_id", "row 1: external_id is no text"),
        ("select 1 as external_id where false", "is empty"),
    ],
)
def test_a_query_that_fails_is_refused(query: str, said: str) -> None:
    """A failing query is named as such, and neither its literals nor its data are quoted."""
    message = _complaint(query)
    assert message.startswith("the seeds query")
    assert said in message
    assert "ann" not in message


@pytest.mark.parametrize("query", ["duckdb:{copy}", "with a as ({copy}) select 1 as external_id"])
def test_a_query_can_not_write(tmp_path: Path, query: str) -> None:
    """A source of seeds is only read, even where a CTE would write."""
    target = tmp_path / "out.csv"
    copy = f"copy (select 1 as external_id) to '{target}'"
    assert "must be one SELECT" in _complaint(query.replace("{copy}", copy))
    assert not target.exists()


def test_a_query_fails_in_the_middle() -> None:
    """An error that DuckDB meets after many rows still ends as an error about seeds."""
    query = "select case when i = 99999 then error('ann') else i::varchar end as external_id from range(100000) as t(i)"
    message = _complaint(query)
    assert "the seeds query failed" in message
    assert "ann" not in message


def test_kinds_are_the_columns() -> None:
    """Every identifier column is a kind of seed."""
    assert {kind.value for kind in SeedKind} == {"user_id", "external_id", "email", "conversation_id"}
