"""An opened lake: what it lets a query reach, what is said of damage, and how it bears a writer beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from pipeline.errors import CorruptLakeError, LakeError, QueryError
from pipeline.lake.tables import TABLES
from pipeline.warehouse.connection import connect
from pipeline.warehouse.query import run
from tests.unit.warehouse.lakes import START, LakeFiles, message


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[LakeFiles]:
    """A lake with one message."""
    files = LakeFiles(tmp_path / "lake")
    files.add("messages", message("m1", "hello"))
    yield files
    files.close()


@pytest.fixture
def connection(lake: LakeFiles) -> Iterator[duckdb.DuckDBPyConnection]:
    """The lake, opened."""
    with closing(connect(lake.root)) as opened:
        yield opened


@pytest.mark.parametrize(
    "query",
    [
        "from read_text('{outside}')",
        "from read_text('{lake}/messages/../../secret.txt')",
        "from read_csv('{outside}')",
        "from sniff_csv('{outside}')",
        "from '{outside}'",
        "from glob('{lake}/../*')",
        "from read_blob('{lake}/_sunlake/lake.json')",
        "from glob('{lake}/_sunlake/*')",
        "copy (select 1) to '{outside}'",
        "copy (select 1) to '{lake}/_sunlake/x.csv'",
        "attach '{outside}' as other",
        "load httpfs",
        "install httpfs",
        "from read_csv('https://example.org/x.csv')",
    ],
)
def test_even_the_bare_connection_reaches_only_the_tables(
    lake: LakeFiles, connection: duckdb.DuckDBPyConnection, query: str
) -> None:
    """Nothing outside the tables' folders can be read or written, the lake's private folder included."""
    outside = lake.root.parent / "secret.txt"
    outside.write_text("secret")
    with pytest.raises(duckdb.Error):
        connection.execute(query.format(lake=lake.root, outside=outside))
    assert outside.read_text() == "secret"


@pytest.mark.parametrize(
    "statement",
    [
        "set enable_external_access = true",
        "set allowed_directories = ['/']",
        "set lock_configuration = false",
        "reset memory_limit",
        "set TimeZone = 'Asia/Tokyo'",
    ],
)
def test_it_can_not_be_unlocked(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    """The settings are final."""
    with pytest.raises(duckdb.Error):
        connection.execute(statement)


def test_variables_of_the_program_are_no_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """A query that misspells a table does not find a Python variable of that name."""
    message_list = duckdb.sql("select 1")
    assert message_list is not None
    with pytest.raises(duckdb.CatalogException):
        connection.execute("from message_list")


def test_moments_are_utc_wherever_it_runs(lake: LakeFiles) -> None:
    """The machine's time zone changes no result, in cursors neither."""
    program = (
        "import sys, pathlib; from pipeline.warehouse.connection import connect;"
        "c = connect(pathlib.Path(sys.argv[1]));"
        "q = 'select received_at::varchar from messages';"
        "print(c.execute(q).fetchall(), c.cursor().execute(q).fetchall())"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, str(lake.root)],
        env={"TZ": "Asia/Tokyo", "PATH": os.defpath, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.count("2026-03-01 00:00:00+00") == 2


def test_no_lake_is_told_with_the_remedy(tmp_path: Path) -> None:
    """A folder that is no lake, or none, is not made one by looking at it."""
    with pytest.raises(LakeError, match="sunlake export"):
        connect(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 30)


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _scramble_pages(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4:200] = bytes(range(196))
    path.write_bytes(content)


def _scramble_footer(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-300:-8] = bytes(number % 251 for number in range(292))
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [_truncate, _empty, _scramble_pages, _scramble_footer])
@pytest.mark.parametrize("first", [True, False])
def test_a_damaged_file_is_named(lake: LakeFiles, damage: Callable[[Path], None], *, first: bool) -> None:
    """Whether met at opening or in a query, the message names the file and the remedy, and nothing else is said."""
    path = lake.add("messages", *(message(f"x{number}", "hush") for number in range(500)), name="a" if first else "z")
    damage(path)
    with pytest.raises(CorruptLakeError) as caught:
        lake.ask("select max(text), max(message_id), count(*) from messages")
    assert str(path.relative_to(lake.root)) in str(caught.value)
    assert "`sunlake repair`" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_other_tables_can_be_read_beside_a_damaged_file(lake: LakeFiles) -> None:
    """Damage found after opening concerns its own table only."""
    lake.add("users", {"user_id": "u1"})
    assert lake.ask("select user_id from users") == [("u1",)]
    path = next((lake.root / "messages").rglob("*.parquet"))
    os.truncate(path, 10)
    assert lake.ask("select user_id from users") == [("u1",)]
    with pytest.raises(CorruptLakeError):
        lake.ask("select text from messages")


def test_work_that_does_not_fit_into_memory_goes_to_the_private_folder(lake: LakeFiles) -> None:
    """A query larger than its memory is answered all the same, and leaves nothing behind."""
    spilled = lake.root / "_sunlake" / "tmp"
    query = "select i::varchar || repeat('x', 100) as text from range(1000000) as numbers(i) order by hash(i)"
    with closing(connect(lake.root, memory_limit="100MB")) as connection:
        connection.execute(query)
        connection.fetchmany(1)
        assert any(spilled.iterdir())
    assert not any(spilled.iterdir())


def test_what_a_killed_process_spilled_is_removed(lake: LakeFiles) -> None:
    """Spilled rows are personal data and outlive a kill only until the next connection; those of the living stay."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    folder = lake.root / "_sunlake" / "tmp"
    dead = folder / f"sql-{os.uname().nodename}-{process.pid}-00000000"
    alive = folder / f"sql-{os.uname().nodename}-{os.getpid()}-00000000"
    elsewhere = folder / f"sql-elsewhere-{process.pid}-00000000"
    for path in (dead, alive, elsewhere):
        path.mkdir(parents=True)
        (path / "x").touch()
    connect(lake.root).close()
    assert not dead.exists()
    assert alive.exists()
    assert elsewhere.exists()


def test_a_lake_that_can_not_be_written_can_be_read(lake: LakeFiles) -> None:
    """Reading needs no place to write in the lake, not even for root, whom no permission stops."""
    shutil.rmtree(lake.root / "_sunlake" / "tmp", ignore_errors=True)
    (lake.root / "_sunlake" / "tmp").write_text("a file where the folder should be")
    assert lake.ask("select text from messages") == [("hello",)]


def test_a_file_of_another_kind_is_named(lake: LakeFiles) -> None:
    """A file whose columns are not the table's is damage, too."""
    folder = lake.root / "messages" / "app_id=x" / "month=2026-03"
    folder.mkdir(parents=True)
    duckdb.execute(f"copy (select 'hush' as message_id) to '{folder}/zz.parquet'")
    with pytest.raises(CorruptLakeError, match=r"messages/app_id=x/month=2026-03/zz\.parquet") as caught:
        lake.ask("select text from messages")
    assert "hush" not in str(caught.value)


def test_a_file_that_is_not_there_is_no_damage(lake: LakeFiles) -> None:
    """A query that names a missing file itself is simply wrong."""
    with pytest.raises(QueryError, match="No files found"):
        lake.ask(f"from '{lake.root}/messages/none.parquet'")


def test_a_reader_bears_files_being_replaced(lake: LakeFiles) -> None:
    """While files are merged and removed all the time, every answer is that of a whole lake."""
    parts = [[message(f"m{part}-{number}") for number in range(50)] for part in range(4)]
    everything = [row for part in parts for row in part]
    for path in (lake.root / "messages").rglob("*.parquet"):
        path.unlink()
    stop = threading.Event()
    writer = LakeFiles(lake.root)
    present = [writer.add("messages", *part) for part in parts]

    def merge_and_split() -> None:
        old = present
        while not stop.wait(0.25):
            for rows in ([everything], parts):
                new = [_publish(writer, part) for part in rows]
                for path in old:
                    path.unlink()
                old = new

    thread = threading.Thread(target=merge_and_split)
    thread.start()
    try:
        with closing(connect(lake.root)) as connection:
            for _ in range(20):
                (result,) = list(
                    run(connection, "select count(*), count(distinct message_id) from messages", root=lake.root)
                )
                assert [row for batch in result.batches() for row in batch] == [(200, 200)]
    finally:
        stop.set()
        thread.join()


def _publish(lake: LakeFiles, rows: list[dict[str, object]]) -> Path:
    """Write a file elsewhere and rename it into place, as a commit does."""
    staged = LakeFiles(lake.root / "_sunlake" / "staging").add("messages", *rows)
    final = next((lake.root / "messages").rglob("month=*")) / f"{threading.get_ident()}-{os.urandom(8).hex()}.parquet"
    staged.rename(final)
    return final


def test_a_lake_of_all_tables_opens(tmp_path: Path) -> None:
    """Every table can be asked at once."""
    lake = LakeFiles(tmp_path / "full")
    for name, table in TABLES.items():
        lake.add(name, {key: "x" for key in table.key if key != "app_id"} | {"exported_at": START})
    query = " union all ".join(f"select count(*) from {name}" for name in TABLES)
    assert lake.ask(query) == [(1,)] * len(TABLES)
    lake.close()
