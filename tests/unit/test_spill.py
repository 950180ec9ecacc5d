"""Where DuckDB spills to: a folder that a scan looks into, of which nothing is left by those who were killed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from pipeline.spill import spill_folder

ROOT = Path(__file__).parents[2]


def test_each_connection_gets_a_folder_of_its_own_below_the_lake(tmp_path: Path) -> None:
    """Two that share one would overwrite each other's files; without a lake it is among the temporary files."""
    first, second = spill_folder(tmp_path), spill_folder(tmp_path)
    assert first != second
    assert {first.parent, second.parent} == {tmp_path / "tmp"}
    assert spill_folder().parent == Path(tempfile.gettempdir())


def test_what_a_killed_process_spilled_goes_with_the_next_connection(tmp_path: Path) -> None:
    """The folders of living processes stay."""
    mine = spill_folder(tmp_path)
    code = "import sys; from pathlib import Path; from pipeline.spill import *; print(spill_folder(Path(sys.argv[1])))"
    ended = subprocess.run(
        [sys.executable, "-c", code, tmp_path], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    dead = Path(ended.stdout.strip())
    for folder in (mine, dead):
        folder.mkdir()
        (folder / "spilled").write_text("a person's words")
    spill_folder(tmp_path)
    assert mine.exists()
    assert not dead.exists()


def test_nobody_spills_into_the_working_folder() -> None:
    """Whoever bounds DuckDB's memory says where the rest goes."""
    bounding = [path for path in (ROOT / "pipeline").rglob("*.py") if '"memory_limit":' in path.read_text("utf-8")]
    assert len(bounding) > 5
    assert [path for path in bounding if '"temp_directory":' not in path.read_text("utf-8")] == []
