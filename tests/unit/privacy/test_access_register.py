from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.errors import CorruptLakeError
from pipeline.lake.layout import Lake
from pipeline.privacy.access.archive import part_of
from pipeline.privacy.access.register import (
    complete_copy,
    destroy_access,
    enter_copy,
    expire_access,
    list_copies,
)
from pipeline.privacy.access.write import AccessExport, access_path

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WEEK = timedelta(days=7)


def test_a_copy_is_deleted_after_a_week_and_not_before(tmp_path: Path) -> None:
    """With its register entry; other copies of the same batch stay."""
    lake = Lake(tmp_path / "lake")
    first, second = (
        _enter(lake, tmp_path / name, tag=name * 8, now=now) for name, now in (("a", NOW), ("b", NOW + WEEK))
    )
    assert expire_access(lake, now=NOW + WEEK - timedelta(seconds=1)) == 0
    assert expire_access(lake, now=NOW + WEEK) == 1
    assert (first.exists(), second.exists()) == (False, True)
    assert [copy.path for copy in list_copies(lake)] == [str(second)]
    assert expire_access(lake, now=NOW + 2 * WEEK) == 1
    assert list((lake.private / "privacy" / "access").iterdir()) == []
    assert expire_access(lake, now=NOW + 3 * WEEK) == 0


def test_an_erasure_destroys_the_copies_of_the_same_subject(tmp_path: Path) -> None:
    """In whatever batch they were made, also one that a killed process left half written."""
    lake = Lake(tmp_path / "lake")
    whole = _enter(lake, tmp_path / "one", tag="a" * 8, batch="b1")
    other = _enter(lake, tmp_path / "two", tag="b" * 8, batch="b2")
    torn = part_of(access_path(tmp_path / "three", "a" * 8))
    torn.parent.mkdir()
    torn.write_bytes(b"half")
    enter_copy(lake, "b3", tag="a" * 8, path=torn.with_suffix(""), now=NOW)
    assert destroy_access(lake, tag="a" * 8) == 2
    assert [path.exists() for path in (whole, other, torn)] == [False, True, False]
    assert [copy.tag for copy in list_copies(lake)] == ["b" * 8]


def test_a_copy_that_is_made_again_has_one_entry(tmp_path: Path) -> None:
    """The register knows the checksum of the newest; only its owner can read it."""
    lake = Lake(tmp_path / "lake")
    for _ in range(2):
        _enter(lake, tmp_path / "out", tag="a" * 8)
    (copy,) = list_copies(lake)
    assert (copy.sha256, copy.bytes, copy.expires_at) == ("f" * 64, 4, NOW + WEEK)
    (file,) = (lake.private / "privacy" / "access").iterdir()
    assert [path.stat().st_mode & 0o777 for path in (file, file.parent)] == [0o600, 0o700]


def test_a_damaged_register_is_told_and_not_taken_for_empty(tmp_path: Path) -> None:
    """Otherwise copies would stay for ever."""
    lake = Lake(tmp_path / "lake")
    _enter(lake, tmp_path / "out", tag="a" * 8)
    (file,) = (lake.private / "privacy" / "access").iterdir()
    file.write_text("[{")
    with pytest.raises(CorruptLakeError, match="by hand"):
        expire_access(lake, now=NOW + WEEK)


def test_a_path_says_nothing_but_a_part_of_the_tag(tmp_path: Path) -> None:
    """What is no tag, such as a name or a path, is refused and not repeated."""
    assert access_path(tmp_path, "0123456789abcdef0123").name == "access-0123456789abcdef.zip"
    for wrong in ("", "../../etc/passwd", "ann@example.com", "a b c d"):
        with pytest.raises(ValueError, match="letters and digits"):
            access_path(tmp_path, wrong)


def _enter(lake: Lake, out: Path, *, tag: str, now: datetime = NOW, batch: str = "b1") -> Path:
    path = access_path(out, tag)
    copy = enter_copy(lake, batch, tag=tag, path=path, now=now)
    out.mkdir(exist_ok=True)
    path.write_bytes(b"zip!")
    complete_copy(lake, batch, copy, AccessExport(path, "f" * 64, 4))
    return path
