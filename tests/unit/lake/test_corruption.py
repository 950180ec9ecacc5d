"""Telling damaged files from sound ones."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from pipeline.errors import CorruptLakeError, LakeError
from pipeline.lake.corruption import corruption, readable_rows
from tests.unit.lake.small_lakes import SmallLake, users


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A sound file."""
    small = SmallLake(tmp_path / "lake")
    small.commit(users(*({"id": f"{number:024x}"} for number in range(200))))
    return small.files()[0]


def test_a_sound_file_tells_its_rows(file: Path) -> None:
    """The count is that of the rows."""
    assert readable_rows(file) == 200


def test_a_flipped_bit_is_noticed_or_changes_no_row(file: Path) -> None:
    """Checksums of pages catch what still decodes; in headers there are bits that mean nothing."""
    sound = file.read_bytes()
    rows = pq.read_table(file)
    noticed = 0
    for place in range(4, len(sound) // 2, 97):
        damaged = bytearray(sound)
        damaged[place] ^= 0x10
        file.write_bytes(damaged)
        if readable_rows(file) is None:
            noticed += 1
        else:
            # The names of columns are no rows; whoever reads holds them against the table.
            assert pq.read_table(file).rename_columns(rows.column_names).equals(rows), place
    assert noticed >= 5


def test_a_file_that_was_cut_or_removed_is_noticed(file: Path) -> None:
    """One byte is enough."""
    file.write_bytes(file.read_bytes()[:-1])
    assert readable_rows(file) is None
    file.unlink()
    assert readable_rows(file) is None


def test_errors_name_the_damaged_file_or_the_kind_of_failure(file: Path) -> None:
    """Another failure than damage does not quote what the database says, which may hold rows."""
    with pytest.raises(LakeError, match="ConversionException") as caught, corruption([str(file)]):
        duckdb.sql("select 'canary'::integer").fetchall()
    assert "canary" not in str(caught.value)
    file.write_bytes(b"torn")
    with pytest.raises(CorruptLakeError, match=file.name), corruption([str(file)]):
        duckdb.read_parquet(str(file))
