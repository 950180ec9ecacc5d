"""Where DuckDB spills to: a folder that a scan looks into, of which nothing is left by those who were killed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from pipeline.bounded import connect_bounded
from pipeline.spill import in_use_by_others, remove_unused, spill_folder, temporary_files_in

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


def test_a_lake_may_be_named_in_several_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a relative path and through a link, too: the process is there once, and waits for nobody."""
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    folders = [spill_folder(path) for path in (tmp_path, Path(), tmp_path / "link")]
    for folder in folders:
        folder.mkdir()
    assert len(list((tmp_path / "locks").iterdir())) == 1
    remove_unused(tmp_path / "tmp")
    assert all(folder.exists() for folder in folders)


def test_what_is_not_in_use_goes_and_the_rest_stays(tmp_path: Path) -> None:
    """What a living process reads stays, and is told to others as soon as there is a file in it."""
    code = (
        "import sys; from pathlib import Path; from pipeline.spill import *\n"
        "folder = spill_folder(Path(sys.argv[1])); folder.mkdir(); print(folder, flush=True)\n"
        "sys.stdin.readline(); (folder / 'words').write_text('x'); print(flush=True); sys.stdin.readline()"
    )
    (tmp_path / "tmp" / "left").mkdir(parents=True)
    (tmp_path / "tmp" / "left" / "words").write_text("a person's words")
    (tmp_path / "tmp" / "file").write_text("a person's words")
    with subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        theirs = Path(reader.stdout.readline().strip())
        assert in_use_by_others(tmp_path / "tmp") == []
        reader.stdin.write("\n")
        reader.stdin.flush()
        reader.stdout.readline()
        assert in_use_by_others(tmp_path / "tmp") == [theirs]
        remove_unused(tmp_path / "tmp")
        assert [path.name for path in (tmp_path / "tmp").iterdir()] == [theirs.name]
        reader.kill()
    assert in_use_by_others(tmp_path / "tmp") == []
    remove_unused(tmp_path / "tmp")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_temporary_files_go_below_the_lake_unless_somebody_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of children, too; afterwards all is as before, and nothing is left."""
    monkeypatch.delenv("TMPDIR", raising=False)
    before = tempfile.gettempdir()
    with temporary_files_in(tmp_path):
        made = Path(tempfile.mkdtemp())
        said = subprocess.run(
            [sys.executable, "-c", "import tempfile; print(tempfile.gettempdir())"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        assert {made.parent, Path(said)} == {Path(os.environ["TMPDIR"])}
        assert made.parent.parent == tmp_path / "tmp"
        remove_unused(tmp_path / "tmp")
        assert made.exists()
    assert (tempfile.gettempdir(), os.environ.get("TMPDIR")) == (before, None)
    assert list((tmp_path / "tmp").iterdir()) == []
    monkeypatch.setenv("TMPDIR", str(tmp_path / "mine"))
    with temporary_files_in(tmp_path):
        assert os.environ["TMPDIR"] == str(tmp_path / "mine")


def test_nobody_spills_into_the_working_folder() -> None:
    """Whoever bounds DuckDB's memory says where the rest goes, in one place; only the scan spills nowhere."""
    bounding = [path for path in (ROOT / "pipeline").rglob("*.py") if '"memory_limit":' in path.read_text("utf-8")]
    assert {path.name for path in bounding} == {"bounded.py", "duckdb_file.py"}
    assert [path for path in bounding if '"temp_directory":' not in path.read_text("utf-8")] == []
