from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.lake.corruption import readable_rows
from pipeline.privacy.rewrite.footer import footer_bytes, read_footer
from pipeline.privacy.rewrite.splice import Splice

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("few", pa.string()),
        ("at", pa.timestamp("ms", tz="UTC")),
        ("many", pa.list_(pa.field("element", pa.string()))),
        ("number", pa.int64()),
        ("yes", pa.bool_()),
        ("nothing", pa.string()),
    ],
    metadata={"sunlake.table": "made up"},
)


def _rows(begin: int, count: int) -> pa.Table:
    numbers = range(begin, begin + count)
    columns = {
        "id": [f"id {number} ü" for number in numbers],
        "few": [None if number % 5 == 0 else f"few {number % 3}" for number in numbers],
        "at": list(numbers),
        "many": [None if number % 7 == 0 else [str(number)] * (number % 4) for number in numbers],
        "number": list(numbers),
        "yes": [number % 2 == 0 for number in numbers],
        "nothing": [None] * count,
    }
    return pa.table(columns, schema=SCHEMA)


def _encoded(rows: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, SCHEMA, compression="zstd", use_dictionary=["few"], write_page_checksum=True) as writer:
        writer.write_table(rows, row_group_size=rows.num_rows)
    return sink.getvalue()


def _splice(source: Path, target: Path, replaced: Mapping[int, pa.Table | None]) -> None:
    with Splice(source, target) as splice:
        for number, rows in sorted(replaced.items()):
            splice.replace(number, None if rows is None else _encoded(rows))
        splice.finish()


def _write(file: Path, groups: list[pa.Table], **options: object) -> Path:
    with pq.ParquetWriter(
        file, SCHEMA, compression="zstd", use_dictionary=["few"], write_page_checksum=True, **options
    ) as writer:
        for group in groups:
            writer.write_table(group, row_group_size=max(group.num_rows, 1))
    return file


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=18),
    st.dictionaries(st.integers(0, 17), st.one_of(st.none(), st.integers(1, 50)), min_size=1, max_size=5),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_row_groups_can_be_replaced_or_left_out(
    tmp_path: Path, sizes: list[int], asked: dict[int, int | None]
) -> None:
    """Two readers see the others' rows and the new ones, in order."""
    groups = [_rows(1_000 * number, size) for number, size in enumerate(sizes)]
    replaced = {
        number % len(groups): None if size is None else _rows(100_000 + 1_000 * number, size)
        for number, size in asked.items()
    }
    source, target = _write(tmp_path / "source", groups), tmp_path / "target"
    _splice(source, target, replaced)
    after = [replaced.get(number, group) for number, group in enumerate(groups)]
    expected = [group for group in after if group is not None]
    whole = pa.concat_tables([*expected, SCHEMA.empty_table()])
    with pq.ParquetFile(target, page_checksum_verification=True) as parquet:
        assert parquet.schema_arrow.equals(SCHEMA, check_metadata=True)
        assert parquet.read().equals(whole)
        assert parquet.metadata.num_row_groups == len(expected)
    assert readable_rows(target) == whole.num_rows
    with duckdb.connect() as duck:
        found = duck.execute(f"select id, number from read_parquet('{target}')").fetchall()
    assert found == list(zip(whole["id"].to_pylist(), whole["number"].to_pylist(), strict=True))


def test_page_indexes_of_the_old_file_are_not_carried_over(tmp_path: Path) -> None:
    """They hold the smallest and largest values of pages, and so of people who are gone."""
    source = _write(tmp_path / "source", [_rows(0, 300), _rows(1_000, 300)], write_page_index=True)
    target = tmp_path / "target"
    _splice(source, target, {0: None})
    assert b"id 10 " not in target.read_bytes()
    with pq.ParquetFile(target) as parquet:
        assert parquet.read().equals(_rows(1_000, 300))
        assert not parquet.metadata.row_group(0).column(0).has_column_index


def test_nothing_is_written_where_nothing_is_replaced(tmp_path: Path) -> None:
    """A file that turns out not to be hit costs no copy of it."""
    source, target = _write(tmp_path / "source", [_rows(0, 3)]), tmp_path / "target"
    with Splice(source, target):
        assert not target.exists()
    assert not target.exists()


def test_a_footer_is_written_back_as_it_was_read(tmp_path: Path) -> None:
    """Byte for byte, whatever fields it has."""
    for number, options in enumerate(({}, {"write_page_index": True}, {"store_decimal_as_integer": True})):
        file = _write(tmp_path / str(number), [_rows(0, 50)] * 20, **options)
        data = file.read_bytes()
        written = footer_bytes(read_footer(io.BytesIO(data)))
        assert data.endswith(written)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PAR1",
        b"PAR1\x10\x00\x00\x00PAR1",
        b"x" * 100,
        b"PAR1\x19\x04\x00\x00\x00PAR1",
        b"PAR1\x1e\x01\x00\x00\x00PAR1",
    ],
)
def test_what_is_no_parquet_has_no_footer(data: bytes) -> None:
    """A damaged file ends in one kind of error."""
    with pytest.raises(ValueError, match="footer"):
        read_footer(io.BytesIO(data))
