"""The sealed work file: opens with its key only, in its own folder only, and is gone once destroyed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import WorkFileError
from pipeline.privacy.requests.work_file import KEY_NAME, WORK_NAME, destroy, is_sealed, seal, unseal

KEY, OTHER = b"k" * 32, b"o" * 32
CONTENT = b'{"canary": "ann@example.org"}'


def test_what_was_sealed_comes_back_and_is_unreadable_meanwhile(tmp_path: Path) -> None:
    """The content is on the disk only encrypted, in files that nobody else can read."""
    seal(tmp_path, CONTENT, wrapping_key=KEY)
    assert unseal(tmp_path, wrapping_key=KEY) == CONTENT
    for path in tmp_path.iterdir():
        assert b"canary" not in path.read_bytes()
        assert path.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {KEY_NAME, WORK_NAME}


@given(st.sampled_from([KEY_NAME, WORK_NAME]), st.integers(0, 10_000), st.integers(1, 255))
def test_any_altered_byte_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, name: str, place: int, flip: int
) -> None:
    """Whatever byte of either file is changed, nothing is given out."""
    folder = tmp_path_factory.mktemp("batch")
    seal(folder, CONTENT, wrapping_key=KEY)
    data = bytearray((folder / name).read_bytes())
    data[place % len(data)] ^= flip
    (folder / name).write_bytes(data)
    with pytest.raises(WorkFileError):
        unseal(folder, wrapping_key=KEY)


def test_another_key_or_another_folder_opens_nothing(tmp_path: Path) -> None:
    """A file can't be opened with another key, nor stand in for that of another batch."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    seal(one, CONTENT, wrapping_key=KEY)
    with pytest.raises(WorkFileError, match="another privacy key"):
        unseal(one, wrapping_key=OTHER)
    one.rename(two)
    with pytest.raises(WorkFileError):
        unseal(two, wrapping_key=KEY)


def test_what_was_destroyed_stays_so(tmp_path: Path) -> None:
    """Nothing is left, a second time is no error, and opening says why it can't."""
    seal(tmp_path, CONTENT, wrapping_key=KEY)
    assert is_sealed(tmp_path)
    destroy(tmp_path)
    destroy(tmp_path)
    assert not is_sealed(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(WorkFileError, match="no work file"):
        unseal(tmp_path, wrapping_key=KEY)
