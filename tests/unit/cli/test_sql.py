"""`sunlake sql` as a process: queries, forms, files, errors."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.running import running
from tests.unit.warehouse.lakes import LakeFiles, message

ROOT = Path(__file__).parents[3]
SUNLAKE = [sys.executable, "-m", "pipeline.cli.main"]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small lake in its usual place."""
    folder = tmp_path_factory.mktemp("work")
    lake = LakeFiles(folder / "lake")
    lake.add("messages", message("m1", "hello", source_type="web"), message("m2", "bye", source_type="sms"))
    return folder


def _environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "HOME": str(folder), "TZ": "Asia/Tokyo"}


def _sql(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SUNLAKE, "sql", *arguments],
        cwd=folder,
        env=_environment(folder),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_query_on_the_command_line(workplace: Path) -> None:
    """The answer is a table on stdout, and nothing else is said."""
    result = _sql(
        workplace, "select source_type, count(*) as n, min(received_at) as first from messages group by 1 order by 1"
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "source_type  n  first",
        "-----------  -  --------------------",
        "sms          1  2026-03-01T00:00:00Z",
        "web          1  2026-03-01T00:00:00Z",
    ]


def test_queries_from_a_pipe_and_from_a_file(workplace: Path) -> None:
    """Without a query, standard input is read; a file may hold several, which are answered in turn."""
    assert _sql(workplace, "--format", "csv", stdin="select 1 as a").stdout == "a\n1\n"
    script = workplace / "two.sql"
    script.write_text("select 1 as a;\n-- and\nselect 2 as b;\n")
    assert _sql(workplace, "--file", str(script)).stdout == "a\n-\n1\n\nb\n-\n2\n"


def test_output_goes_into_a_file_of_the_form_of_its_name(workplace: Path) -> None:
    """Parquet, JSON and CSV files are written whole or not at all."""
    query = "select message_id, text from messages order by 1"
    for suffix in ("parquet", "json", "csv", "md"):
        assert _sql(workplace, query, "--output", f"out.{suffix}").stdout == ""
    assert pq.read_table(workplace / "out.parquet").to_pylist()[0] == {"message_id": "m1", "text": "hello"}
    assert json.loads((workplace / "out.json").read_text())[1]["text"] == "bye"
    assert (workplace / "out.csv").read_text() == "message_id,text\nm1,hello\nm2,bye\n"
    assert (workplace / "out.md").read_text().startswith("| message_id | text |\n")
    failed = _sql(workplace, "select if(range = 9999, error('late'), range) as n from range(10000)", "-o", "out.csv")
    assert failed.returncode == 1
    assert (workplace / "out.csv").read_text().startswith("message_id")
    assert not [path for path in workplace.iterdir() if path.name.endswith(".part")]


def test_the_tables_are_listed(workplace: Path) -> None:
    """`--list` names the tables with what a row of each is, and their columns with type and meaning."""
    lines = _sql(workplace, "--list").stdout.splitlines()
    titles = [line for line in lines if ": One row" in line]
    assert len(titles) == 13
    assert "messages: One row per message, in its newest version." in titles
    assert any(line.split() == ["message_id", "varchar", "Id", "of", "the", "message."] for line in lines)
    alone = _sql(workplace, "--list", "messages").stdout.splitlines()
    assert [line for line in alone if ": One row" in line] == ["messages: One row per message, in its newest version."]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["selec 1"], 1, 'Parser Error: syntax error at or near "selec"'),
        (["from nowhere"], 1, "Table with name nowhere does not exist"),
        (["copy (select 1) to 'x.csv'"], 1, "the lake is read-only"),
        (["from read_text('/etc/passwd')"], 1, "nothing else; `sunlake sql --list` shows them"),
        ([""], 1, "the query is empty"),
        (["select 1", "--format", "parquet"], 2, "needs --output"),
        (["select 1", "--output", "lake/messages/x.parquet"], 2, "lies inside the lake"),
        (["select 1", "--output", "no/such/x.csv"], 1, "no/such/x.csv can't be written: No such file"),
        (["select 1; select 2", "--output", "x.parquet"], 1, "only one query"),
        (["select 1", "--file", "x.sql"], 2, "not both"),
        (["--list", "mesages"], 2, "there is no table 'mesages'; `sunlake sql --list` shows all"),
        (["--file", "none.sql"], 2, "none.sql can't be read: No such file"),
        (["select 1", "--format", "xml"], 2, "Invalid value for '--format'"),
    ],
)
def test_errors_have_a_message_and_a_code(workplace: Path, arguments: list[str], code: int, said: str) -> None:
    """What is wrong is told on stderr without a call stack, and nothing is written."""
    before = sorted(path.name for path in workplace.iterdir())
    result = _sql(workplace, *arguments)
    assert (result.returncode, result.stdout) == (code, "")
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(path.name for path in workplace.iterdir()) == before


def test_no_lake_is_told_with_the_remedy(tmp_path: Path) -> None:
    """Before the first export there is nothing to ask."""
    result = _sql(tmp_path, "select 1")
    assert result.returncode == 1
    assert "there is no lake in lake; fill it with `sunlake export`" in result.stderr


def test_a_reader_that_leaves_early_is_no_error_report(workplace: Path) -> None:
    """`sunlake sql ... | head` ends quietly."""
    command = [*SUNLAKE, "sql", "--format", "csv", "from range(10000000)"]
    with subprocess.Popen(
        command, cwd=workplace, env=_environment(workplace), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"range\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        process.wait(timeout=60)


def test_control_c_stops_a_query(workplace: Path) -> None:
    """A query that runs too long can be interrupted, and leaves nothing behind."""
    query = (
        "select 'begun'; select count(*) from range(1000000) as a(x), range(1000000) as b(y) where a.x * b.y % 7 = 3"
    )
    command = [*SUNLAKE, "sql", "--format", "csv", query]
    with running(command, cwd=workplace, env=_environment(workplace)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"'begun'\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in said
    assert not list((workplace / "lake" / "_sunlake" / "tmp").iterdir())
