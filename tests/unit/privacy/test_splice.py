from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.lake.corruption import readable_rows
from pipeline.privacy.rewrite.footer import footer_bytes, read_footer
from pipeline.privacy.rewrite.splice import same_bytes, splice

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


def _write(file: Path, groups: list[pa.Table], **options: object) -> Path:
    with pq.ParquetWriter(
        file, SCHEMA, compression="zstd", use_dictionary=["few"], write_page_checksum=True, **options
    ) as writer:
        for group in groups:
            writer.write_table(group, row_group_size=max(group.num_rows, 1))
    return file


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=18),
    st.dictionaries(st.integers(0, 17), st.one_of(st.none(), st.integers(1, 50)), max_size=5),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_row_groups_can_be_replaced_or_left_out(
    tmp_path: Path, sizes: list[int], asked: dict[int, int | None]
) -> None:
    """Two readers see the others' rows and the new ones, in order, and the copied bytes are the same."""
    groups = [_rows(1_000 * number, size) for number, size in enumerate(sizes)]
    asked = {number: size for number, size in asked.items() if number < len(groups)}
    given_groups = [_rows(100_000 + 1_000 * number, size) for number, size in asked.items() if size is not None]
    places = {number: place for place, number in enumerate(key for key, size in asked.items() if size is not None)}
    replaced = {number: places.get(number) for number in asked}
    source = _write(tmp_path / "source", groups)
    patch, target = _write(tmp_path / "patch", given_groups), tmp_path / "target"
    origins = splice(source, patch, target, replaced)
    expected = [given_groups[places[n]] if n in places else group for n, group in enumerate(groups) if asked.get(n, 1)]
    assert origins == [-1 if number in places else number for number in range(len(groups)) if asked.get(number, 1)]
    whole = pa.concat_tables([*expected, SCHEMA.empty_table()])
    with pq.ParquetFile(target, page_checksum_verification=True) as parquet:
        assert parquet.schema_arrow.equals(SCHEMA, check_metadata=True)
        assert parquet.read().equals(whole)
        assert parquet.metadata.num_row_groups == len(expected)
    assert readable_rows(target) == whole.num_rows
    with duckdb.connect() as duck:
        found = duck.execute(f"select id, number from read_parquet('{target}')").fetchall()
    assert found == list(zip(whole["id"].to_pylist(), whole["number"].to_pylist(), strict=True))
    assert same_bytes(source, target, origins)


def test_page_indexes_of_the_old_file_are_not_carried_over(tmp_path: Path) -> None:
    """They hold the smallest and largest values of pages, and so of people who are gone."""
    source = _write(tmp_path / "source", [_rows(0, 300), _rows(1_000, 300)], write_page_index=True)
    patch, target = _write(tmp_path / "patch", []), tmp_path / "target"
    assert splice(source, patch, target, {0: None}) == [1]
    assert b"id 10 " not in target.read_bytes()
    with pq.ParquetFile(target) as parquet:
        assert parquet.read().equals(_rows(1_000, 300))
        assert not parquet.metadata.row_group(0).column(0).has_column_index


def test_a_changed_byte_is_seen(tmp_path: Path) -> None:
    """The copied row groups are compared as they lie on the disk."""
    source = _write(tmp_path / "source", [_rows(0, 300), _rows(1_000, 300)])
    patch, target = _write(tmp_path / "patch", [_rows(5_000, 3)]), tmp_path / "target"
    origins = splice(source, patch, target, {0: 0})
    assert same_bytes(source, target, origins)
    data = bytearray(target.read_bytes())
    start = pq.read_metadata(target).row_group(1).column(0).data_page_offset
    data[start + 40] ^= 1
    target.write_bytes(data)
    assert not same_bytes(source, target, origins)


def test_a_footer_is_written_back_as_it_was_read(tmp_path: Path) -> None:
    """Byte for byte, whatever fields it has."""
    for number, options in enumerate(({}, {"write_page_index": True}, {"store_decimal_as_integer": True})):
        file = _write(tmp_path / str(number), [_rows(0, 50)] * 20, **options)
        data = file.read_bytes()
        written = footer_bytes(read_footer(file))
        assert data.endswith(written)


@pytest.mark.parametrize(
    "data", [b"", b"PAR1", b"PAR1\x10\x00\x00\x00PAR1", b"x" * 100, b"PAR1\x19\x04\x00\x00\x00PAR1"]
)
def test_what_is_no_parquet_has_no_footer(tmp_path: Path, data: bytes) -> None:
    """A damaged file ends in one kind of error."""
    file = tmp_path / "damaged"
    file.write_bytes(data)
    with pytest.raises(ValueError, match="footer"):
        read_footer(file)
