from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from pipeline.errors import StorageError
from pipeline.report.files import write_csv, write_html, write_markdown, write_parquet
from pipeline.report.report import Report, make_report
from tests.unit.report.warehouses import HOSTILE, NOTHING, write_warehouse


def test_csv_has_one_file_for_each_table(year_report: Report, tmp_path: Path) -> None:
    """Files are named like the tables, times are seconds, shares parts of 1, and days ISO 8601."""
    count = write_csv(year_report, tmp_path)
    tables = {table.name: table for table in year_report.tables()}
    assert {path.stem for path in tmp_path.glob("*.csv")} == set(tables)
    assert count == len(tables)
    with (tmp_path / "first_reply_human.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    table = tables["first_reply_human"]
    assert len(rows) == len(table.rows)
    assert date.fromisoformat(rows[0]["bucket"]) == table.rows[0][0]
    assert float(rows[0]["p50_s"]) == next(table.records())["p50_s"]


def test_parquet_keeps_types_also_where_there_are_no_rows(tmp_path: Path) -> None:
    """A reader of many reports finds the same columns and types each time."""
    schemas = []
    for talk in (NOTHING, HOSTILE):
        root = tmp_path / str(len(schemas))
        write_warehouse(root, talk)
        write_parquet(make_report(root), root / "tables")
        schemas.append({path.name: pq.read_schema(path) for path in sorted((root / "tables").iterdir())})
    assert schemas[0] == schemas[1]
    sql = f"select typeof(bucket), typeof(n), typeof(p50_s) from '{tmp_path}/1/tables/first_reply_bot.parquet' limit 1"
    assert duckdb.sql(sql).fetchall() == [("DATE", "BIGINT", "DOUBLE")]


def test_markdown_has_every_table_under_a_heading(year_report: Report) -> None:
    """The same numbers stand in tables whose lines have equally many cells."""
    stream = io.StringIO()
    write_markdown(year_report, stream)
    text = stream.getvalue()
    for section in year_report.sections:
        for figure in section.figures:
            assert f"\n### {figure.table.title}" in text.replace("\\", "")
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(blocks) == len(list(year_report.tables()))
    for lines in blocks:
        assert len({line.replace("\\|", "").count("|") for line in lines if line.startswith("|")}) == 1


def test_markdown_shows_hostile_names_and_does_not_act_on_them(tmp_path: Path) -> None:
    """Markup, pipes and control characters of a name are escaped."""
    write_warehouse(tmp_path, HOSTILE)
    stream = io.StringIO()
    write_markdown(make_report(tmp_path), stream)
    text = stream.getvalue()
    assert "\\<script\\>" in text
    assert "<" not in text.replace("\\<", "")
    assert "\x1b" not in text


def test_an_older_page_is_replaced_at_once(year_report: Report, tmp_path: Path) -> None:
    """A reader sees the old or the new page, and nothing else is left behind."""
    path = tmp_path / "report" / "index.html"
    path.parent.mkdir()
    path.write_text("old")
    before = path.stat().st_ino
    write_html(year_report, path)
    assert path.read_text("utf-8").startswith("<!doctype html>")
    assert path.stat().st_ino != before
    assert list(path.parent.iterdir()) == [path]


def test_a_place_that_can_not_be_written_is_named(year_report: Report, tmp_path: Path) -> None:
    """The message says which file, why, and which option chooses another."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="choose another place with --output"):
        write_csv(replace(year_report, sections=()), tmp_path / "file" / "folder")
