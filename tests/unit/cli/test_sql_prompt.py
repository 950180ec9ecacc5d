"""The prompt of `sunlake sql`, with keys from a pipe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from pipeline.cli.sql import show_views
from pipeline.cli.sql_prompt import SqlCompleter, history_file, prompt
from pipeline.errors import QueryError
from pipeline.warehouse.connection import connect
from tests.unit.warehouse.lakes import LakeFiles


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty lake."""
    with closing(connect(LakeFiles(tmp_path / "lake").root)) as opened:
        yield opened


def _type(connection: duckdb.DuckDBPyConnection, keys: str, *, history: Path | None = None) -> list[str]:
    """Type keys until they end; returns the queries that were asked."""
    asked: list[str] = []

    def show(line: str) -> None:
        asked.append(line)
        if "fail" in line:
            raise QueryError("it failed")
        if "stop" in line:
            raise KeyboardInterrupt

    with create_pipe_input() as pipe:
        pipe.send_text(keys)
        prompt(
            connection,
            show=show,
            list_views=lambda: show_views(connection),
            history=history,
            input=pipe,
            output=DummyOutput(),
        )
    return asked


def test_a_query_ends_with_a_semicolon(connection: duckdb.DuckDBPyConnection) -> None:
    """Enter starts a new line until the query is complete; Ctrl-D leaves."""
    assert _type(connection, "select\r1;\rselect 2;\r\r;\r\x04") == ["select\n1;", "select 2;"]


def test_commands(connection: duckdb.DuckDBPyConnection, capsys: pytest.CaptureFixture[str]) -> None:
    """Backslash commands list tables and columns, help, and leave."""
    assert _type(connection, "\\d\r\\d messages\r\\d raw.users\r\\d nothing\r\\?\r\\x y\r\\q\r") == []
    captured = capsys.readouterr()
    assert "One row per conversation" in captured.out
    assert "received_at" in captured.out
    assert "When the platform received it" in captured.out
    assert "file_row_number" in captured.out
    assert "Ctrl-C stops a running query" in captured.out
    assert "There is no table nothing" in captured.err
    assert r"There is no command \x" in captured.err


def test_errors_and_interrupts_return_to_the_prompt(
    connection: duckdb.DuckDBPyConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failed or stopped query is told, and the next one runs; Ctrl-C at the prompt drops the line."""
    assert _type(connection, "fail;\rstop;\rhalf\x03select 1;\r\\q\r") == ["fail;", "stop;", "select 1;"]
    said = capsys.readouterr().err
    assert "error: it failed" in said
    assert "The query was stopped." in said


@pytest.mark.parametrize(
    ("text", "word"), [("sel", "select"), ("from mess", "messages"), ("SELECT Conversation_I", "conversation_id")]
)
def test_completion(connection: duckdb.DuckDBPyConnection, text: str, word: str) -> None:
    """Keywords, tables and columns are completed, whatever their case."""
    found = SqlCompleter(connection).get_completions(Document(text), CompleteEvent())
    assert word in [completion.text for completion in found]


def test_nothing_begun_completes_to_nothing(connection: duckdb.DuckDBPyConnection) -> None:
    """An empty line offers no list of a thousand words."""
    assert list(SqlCompleter(connection).get_completions(Document("select "), CompleteEvent())) == []


def test_history_is_kept_for_its_owner_only(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """What was typed is there the next time, in a file that nobody else may read."""
    path = history_file(tmp_path / "state")
    assert path == tmp_path / "state" / "sunlake" / "sql_history"
    path.chmod(0o644)
    assert history_file(tmp_path / "state") == path
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    _type(connection, "select 1;\r\\q\r", history=path)
    assert _type(connection, "\x1b[A\x1b[A\r\\q\r", history=path) == ["select 1;"]


def test_no_place_for_a_history_is_no_error(tmp_path: Path) -> None:
    """Where nothing can be written, history lives as long as the prompt."""
    blocked = tmp_path / "file"
    blocked.touch()
    assert history_file(blocked) is None
