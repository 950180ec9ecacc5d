"""The commit protocol, step by step; the integration tests kill it at each of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import CorruptLakeError
from pipeline.lake import storage
from pipeline.lake.commit import live_files, recover
from tests.unit.lake.small_lakes import APP, SmallLake, users


@pytest.fixture
def small(tmp_path: Path) -> SmallLake:
    """An empty lake."""
    return SmallLake(tmp_path / "lake")


def test_a_commit_publishes_its_files_and_empties_the_staging(small: SmallLake) -> None:
    """What the ledger lists is what lies in the lake."""
    small.commit(users({"id": "a"}), users({"id": "b"}))
    (file,) = small.files()
    assert live_files(small.ledger, APP, "users") == [str(file.relative_to(small.lake.root))]
    assert file.parent.name == f"app_id={APP}"
    assert not list(small.lake.staging(APP).rglob("*"))


def test_before_the_decision_nothing_happened(small: SmallLake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were staged and never decided are deleted by the next start."""
    _commit_that_stops_at("sync_folder", small, monkeypatch)
    assert list(small.lake.staging(APP).rglob("*.parquet"))
    assert recover(small.lake, small.ledger, APP) == 0
    assert not small.lake.staging(APP).exists()
    assert small.files() == []


def test_after_the_decision_the_next_start_publishes(small: SmallLake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit whose first rename failed is finished by `recover`, once."""
    _commit_that_stops_at("rename", small, monkeypatch)
    assert small.files() == []
    assert recover(small.lake, small.ledger, APP) == 1
    assert len(small.files()) == 1
    assert recover(small.lake, small.ledger, APP) == 0


def test_a_decided_file_that_is_nowhere_is_told(small: SmallLake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Someone deleted the staging of a decided commit: the message names the remedy."""
    _commit_that_stops_at("rename", small, monkeypatch)
    storage.remove_tree(small.lake.staging(APP))
    with pytest.raises(CorruptLakeError, match="sunlake repair"):
        recover(small.lake, small.ledger, APP)


def test_another_app_is_left_alone_by_the_recovery(small: SmallLake) -> None:
    """Staging of another writer is not deleted."""
    other = small.lake.staging("other") / "commit"
    other.mkdir(parents=True)
    recover(small.lake, small.ledger, APP)
    assert other.exists()


def _commit_that_stops_at(operation: str, small: SmallLake, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*paths: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(storage, operation, stop)
        with pytest.raises(KeyboardInterrupt):
            small.commit(users({"id": "a"}))
