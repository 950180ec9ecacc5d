"""One writer per app and lake."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.errors import LockedError
from pipeline.lake.layout import Lake, open_lake
from pipeline.lake.lock import lock_holder, writer_lock


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    return open_lake(tmp_path / "lake", create=True)


def test_the_second_writer_learns_who_the_first_is(lake: Lake) -> None:
    """The message names command, process and time; another app is free."""
    with writer_lock(lake, "app", what="sweep"):
        with pytest.raises(LockedError, match=rf"`sunlake sweep` is writing app app .*process {os.getpid()} on"):
            _take(lake)
        with writer_lock(lake, "other", what="export"):
            pass
        holder = lock_holder(lake, "app")
        assert holder is not None
        assert (holder.pid, holder.what) == (os.getpid(), "sweep")
    assert lock_holder(lake, "app") is None
    _take(lake)


def test_the_lock_is_given_back_when_the_holder_fails(lake: Lake) -> None:
    """An exception within does not leave the app locked."""
    with pytest.raises(ZeroDivisionError), writer_lock(lake, "app", what="export"):
        raise ZeroDivisionError
    _take(lake)


def test_the_file_of_a_holder_who_died_locks_nobody_out(lake: Lake) -> None:
    """What counts is the lock of the system, not the text of the file; damaged text is no holder."""
    _take(lake)
    file = lake.private / "locks" / "app.lock"
    assert file.exists()
    file.write_text("not JSON")
    assert lock_holder(lake, "app") is None
    _take(lake)


def _take(lake: Lake) -> None:
    with writer_lock(lake, "app", what="export"):
        pass
