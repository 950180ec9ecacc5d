"""Where DuckDB spills to: a folder that a scan looks into, of which nothing is left by those who were killed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from pipeline.spill import connect_bounded, spill_folder

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


def test_what_does_not_fit_goes_where_it_was_told_to(tmp_path: Path) -> None:
    """It lies in the folder while a query needs it, and goes with the connection."""
    spill = spill_folder(tmp_path)
    sorting = "select hash(range) as number, repeat('word', 20) || range as words from range(600_000) order by number"
    with connect_bounded(spill, memory_limit="48MB") as connection:
        assert connection.execute(sorting).fetchone()
        assert sum(file.stat().st_size for file in spill.iterdir()) > 1_000_000
    assert not spill.exists()


def test_a_bounded_connection_takes_nothing_unasked(tmp_path: Path) -> None:
    """Neither a variable of Python's is read in place of a table, nor is an extension loaded or fetched."""
    known = pa.table({"id": [1]})
    assert known.num_rows
    with connect_bounded(tmp_path, memory_limit="64MB", threads=1) as connection:
        with pytest.raises(duckdb.CatalogException, match="known does not exist"):
            connection.execute("from known")
        names = ("threads", "autoload_known_extensions", "autoinstall_known_extensions")
        settings = [connection.execute("select current_setting($1)", [name]).fetchone() for name in names]
    assert settings == [(1,), (False,), (False,)]


def test_nobody_spills_into_the_working_folder() -> None:
    """Whoever bounds DuckDB's memory says where the rest goes, in one place; only the scan spills nowhere."""
    bounding = [path for path in (ROOT / "pipeline").rglob("*.py") if '"memory_limit":' in path.read_text("utf-8")]
    assert {path.name for path in bounding} == {"spill.py", "duckdb_file.py"}
    assert [path for path in bounding if '"temp_directory":' not in path.read_text("utf-8")] == []
