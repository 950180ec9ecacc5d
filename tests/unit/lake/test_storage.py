"""File operations and what they say when the system refuses."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pipeline.errors import StorageError
from pipeline.lake import storage


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full; free space"),
        (errno.EDQUOT, "quota"),
        (errno.EFBIG, "ulimit -f"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission denied"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_each_refusal_has_a_remedy(number: int, words: str) -> None:
    """The message says what the system said and what to do."""
    with pytest.raises(StorageError, match=words), storage.storage_errors():
        raise OSError(number, os.strerror(number))


def test_an_atomic_write_replaces_whole_and_leaves_nothing_beside(tmp_path: Path) -> None:
    """The folder is made, the old text is gone, no temporary file stays."""
    file = tmp_path / "deep" / "down" / "file.json"
    storage.write_atomic(file, b"one")
    storage.write_atomic(file, b"two")
    assert file.read_bytes() == b"two"
    assert list(file.parent.iterdir()) == [file]


def test_what_is_gone_already_can_be_removed(tmp_path: Path) -> None:
    """Removing twice is no error."""
    folder = tmp_path / "folder"
    storage.make_folder(folder / "inner")
    storage.make_folder(folder / "inner")
    for _ in range(2):
        storage.remove_tree(folder)
        storage.unlink(tmp_path / "file")
    assert not folder.exists()


def test_a_rename_that_is_refused_is_told(tmp_path: Path) -> None:
    """The error is one of storage and names the path."""
    with pytest.raises(StorageError, match="missing"):
        storage.rename(tmp_path / "missing", tmp_path / "target")


def test_a_file_in_the_place_of_a_folder_is_told(tmp_path: Path) -> None:
    """Neither the file nor its text is touched."""
    (tmp_path / "file").write_text("kept")
    with pytest.raises(StorageError, match="a file stands where a folder is needed"):
        storage.make_folder(tmp_path / "file" / "folder")
    assert (tmp_path / "file").read_text() == "kept"
