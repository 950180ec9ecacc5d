"""The prompt of `sunlake sql`: history, completion, highlighting, statements over several lines."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click
import duckdb
from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.lexers import PygmentsLexer
from prompt_toolkit.output import Output
from pygments.lexers.sql import SqlLexer

from pipeline.cli.output import print_table
from pipeline.errors import SunlakeError

HELP: Final = r"""  \d          the tables
  \d TABLE    the columns of a table
  \q          leave (as does Ctrl-D)
A query ends with a semicolon and may take several lines. Ctrl-C stops a running query."""

_WORD = re.compile(r"\w+$")


class SqlCompleter(Completer):
    """Completes keywords, tables and columns, whatever their case."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._words = _names(connection, "select distinct keyword_name from duckdb_keywords()")
        self._words |= _names(connection, "select view_name from duckdb_views() where not internal")
        self._words |= _names(connection, "select column_name from duckdb_columns() where not internal")

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002 - its signature
        """What may follow."""
        begun = _WORD.search(document.text_before_cursor)
        if begun is None:
            return
        start = begun[0].lower()
        yield from (
            Completion(word, start_position=-len(start))
            for word in sorted(self._words)
            if word.lower().startswith(start)
        )


def prompt(
    connection: duckdb.DuckDBPyConnection,
    *,
    show: Callable[[str], None],
    list_views: Callable[[], None],
    history: Path | None,
    input: Input | None = None,  # noqa: A002 - prompt_toolkit's own name for it
    output: Output | None = None,
) -> None:
    r"""Read and answer queries until the end of input.

    Args:
        connection: for completion and descriptions.
        show: answers a query.
        list_views: answers `\d`.
        history: the file that keeps what was typed, or None to keep it in memory.
        input: another source of keys, for tests.
        output: another screen, for tests.
    """
    session: PromptSession[str] = PromptSession(
        history=_open_history(history),
        lexer=PygmentsLexer(SqlLexer),
        completer=SqlCompleter(connection),
        complete_while_typing=False,
        multiline=Condition(lambda: not _is_complete(get_app().current_buffer.text)),
        prompt_continuation="   ...> ",
        input=input,
        output=output,
    )
    click.echo(r"Queries end with a semicolon; \? shows help, \q leaves.")
    while True:
        try:
            line = session.prompt("sunlake> ").strip()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if line == r"\q":
            return
        _obey(connection, line, show=show, list_views=list_views)


def history_file(state_dir: Path | None) -> Path | None:
    """The file of the history, which only its owner may read, since queries hold personal data; None without a home.

    Args:
        state_dir: the XDG state folder, by default ~/.local/state.
    """
    with suppress(OSError, RuntimeError):
        folder = (state_dir or Path.home() / ".local" / "state") / "sunlake"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / "sql_history"
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        path.chmod(0o600)
        return path
    return None


def _obey(
    connection: duckdb.DuckDBPyConnection, line: str, *, show: Callable[[str], None], list_views: Callable[[], None]
) -> None:
    try:
        if line == r"\?":
            click.echo(HELP)
        elif line == r"\d":
            list_views()
        elif line.startswith(r"\d "):
            _describe(connection, line.removeprefix(r"\d ").strip())
        elif line.startswith("\\"):
            click.echo(rf"There is no command {line.split(maxsplit=1)[0]}; \? shows help.", err=True)
        elif line.strip(";").strip():
            show(line)
    except SunlakeError as error:
        click.echo(f"{click.style('error:', fg='red')} {error}", err=True)
    except KeyboardInterrupt:
        click.echo("The query was stopped.", err=True)


def _describe(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    schema, _, table = name.strip('";').rpartition(".")
    rows = connection.execute(
        "select column_name, lower(data_type), comment from duckdb_columns() "
        "where schema_name = ? and table_name = ? and not internal order by column_index",
        [schema or "main", table],
    ).fetchall()
    if rows:
        print_table(["column", "type", "meaning"], rows)
    else:
        click.echo(rf"There is no table {name}; \d lists them.", err=True)


def _is_complete(text: str) -> bool:
    stripped = text.strip()
    return not stripped or stripped.endswith(";") or stripped.startswith("\\")


def _open_history(path: Path | None) -> History:
    return FileHistory(path) if path else InMemoryHistory()


def _names(connection: duckdb.DuckDBPyConnection, query: str) -> set[str]:
    rows: list[tuple[Any, ...]] = connection.execute(query).fetchall()
    return {row[0] for row in rows}
