from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.config import Settings
from pipeline.warehouse import mart_files
from pipeline.warehouse.build import build
from tests.integration.changing_lake import ChangingLake

pytestmark = pytest.mark.slow

ROUNDS = 4


@pytest.mark.parametrize("seed", range(4))
def test_going_on_gives_what_starting_anew_gives(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """After any history of changes, an incremental build leaves the same bytes as a full one over the same lake.

    Some months of marts have a file for each day.
    """
    monkeypatch.setattr(mart_files, "SPLIT_ROWS", 12)
    root = tmp_path / "lake"
    lake = ChangingLake(root, seed)
    settings = Settings(lake=str(root))
    assert build(settings).exit_code == 0
    done = []
    for number in range(ROUNDS):
        done += lake.change(1 + number * 2)
        assert build(settings).exit_code == 0
        if number % 2 == 0:
            continue  # what it has got wrong by then would be wrong in the next round
        again = tmp_path / f"again{number}"
        shutil.copytree(root, again, ignore=shutil.ignore_patterns("warehouse.duckdb", "marts"))
        assert build(Settings(lake=str(again)), full=True).exit_code == 0
        assert _marts(root) == _marts(again), done


def _marts(root: Path) -> dict[str, bytes]:
    folder = root / "marts"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}
