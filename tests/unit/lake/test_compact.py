"""Compaction: one file a partition, the newest version of each row, every sighting of what is gone."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.errors import CorruptLakeError
from pipeline.lake.compact import compact_app
from tests.unit.lake.small_lakes import APP, SmallLake, gone, users


@pytest.fixture
def small(tmp_path: Path) -> SmallLake:
    """A lake with three files of users and two of tombstones."""
    small = SmallLake(tmp_path / "lake")
    small.commit(users({"id": "b"}, {"id": "a", "metadata": {"version": 1}}))
    small.commit(users({"id": "a", "metadata": {"version": 3}}, at=30), run_id="run 2")
    small.commit(users({"id": "a", "metadata": {"version": 2}}, at=20), run_id="run 3")
    small.commit(gone("user", "b", at=10))
    small.commit(gone("user", "b", at=40))
    return small


def test_the_newest_version_stays(small: SmallLake) -> None:
    """By the time of reading, not of writing; rows are sorted by their key."""
    found = {done.partition.split("/")[0]: done for done in compact_app(small.lake, small.ledger, APP)}
    assert (found["users"].files_before, found["users"].rows_before, found["users"].rows_after) == (3, 4, 2)
    (file,) = [file for file in small.files() if "users" in file.parts]
    rows = pq.ParquetFile(file).read().to_pylist()
    assert [(row["user_id"], row["metadata"]) for row in rows] == [("a", '{"version":3}'), ("b", None)]
    assert found["tombstones"].rows_after == 2, "every sighting counts"
    assert compact_app(small.lake, small.ledger, APP) == []


def test_few_files_are_left_alone(small: SmallLake) -> None:
    """`min_files` bounds what is worth the work."""
    done = compact_app(small.lake, small.ledger, APP, min_files=3)
    assert [compacted.partition for compacted in done] == [f"users/app_id={APP}"]


def test_a_damaged_file_stops_the_partition_and_is_named(small: SmallLake) -> None:
    """Nothing is changed where a file can't be read."""
    victim = next(file for file in small.files() if "users" in file.parts)
    victim.write_bytes(victim.read_bytes()[:-30])
    before = small.files()
    with pytest.raises(CorruptLakeError, match=victim.name):
        compact_app(small.lake, small.ledger, APP, min_files=3)
    assert small.files() == before
