"""Where things lie, and which lakes are opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import CorruptLakeError, LakeError, LakeVersionError
from pipeline.lake.layout import new_commit_id, open_lake, partition


def test_partitions_are_hive_style() -> None:
    """Any engine reads them."""
    assert partition("users", "5d8c", None) == "users/app_id=5d8c"
    assert partition("messages", "5d8c", "2026-03") == "messages/app_id=5d8c/month=2026-03"


def test_a_lake_is_made_once_and_opened_again(tmp_path: Path) -> None:
    """A lake that is not there is made only if asked for."""
    with pytest.raises(LakeError, match="sunlake export"):
        open_lake(tmp_path / "lake", create=False)
    made = open_lake(tmp_path / "lake", create=True)
    assert open_lake(tmp_path / "lake", create=False) == made
    assert made.private.name == "_sunlake"


@pytest.mark.parametrize(
    ("text", "error"),
    [('{"format": 99}', LakeVersionError), ("{", CorruptLakeError), ("{}", CorruptLakeError), ("", CorruptLakeError)],
)
def test_a_marker_that_is_damaged_or_from_the_future_is_refused(
    tmp_path: Path, text: str, error: type[Exception]
) -> None:
    """The lake is not touched."""
    marker = open_lake(tmp_path, create=True).private / "lake.json"
    marker.write_text(text)
    with pytest.raises(error):
        open_lake(tmp_path, create=True)
    assert marker.read_text() == text


def test_ids_of_commits_differ() -> None:
    """Two within one millisecond are told apart by chance."""
    ids = {new_commit_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert {len(found) for found in ids} == {19}
