"""`sunlake sql`: one query, a file of queries, or a prompt over the views of the lake."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import click

from pipeline.cli.frame import Frame, pass_frame
from pipeline.cli.output import is_terminal, print_table
from pipeline.errors import StorageError, UsageError
from pipeline.places import Place

if TYPE_CHECKING:
    import duckdb

    from pipeline.warehouse.query import Result

FORMATS: Final = ("table", "csv", "json", "markdown", "parquet")
SUFFIXES: Final = {".csv": "csv", ".json": "json", ".md": "markdown", ".parquet": "parquet"}
TERMINAL_ROWS: Final = 1_000


@click.command("sql")
@click.argument("query", required=False)
@click.option("--format", "form", type=click.Choice(FORMATS), help="By default table, or what --output ends in.")
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write into a file."
)
@click.option("--file", "-f", "script", type=click.Path(path_type=Path), metavar="FILE.sql", help="Run a file.")
@click.option("--list", "list_views", is_flag=True, help="List the tables and their columns, or those of one table.")
@click.option(
    "--state-dir",
    envvar="XDG_STATE_HOME",
    type=click.Path(path_type=Path),
    default=None,
    hidden=True,
    help="Where the prompt keeps its history.",
)
@pass_frame
def command(
    frame: Frame,
    *,
    query: str | None,
    form: str | None,
    output: Path | None,
    script: Path | None,
    list_views: bool,
    state_dir: Path | None,
) -> None:
    """Query the lake with DuckDB's SQL. Without a query, open a prompt, or read standard input if it is no terminal.

    Each table of the lake is a view of what is true now: the newest version of each row, without what is gone upstream.
    All versions are in the schema raw. After `sunlake build` the marts are there, too. Queries only read. People whose
    processing is restricted are missing from the marts since the last build; the lake's own tables still show them.

    \b
    Examples:
      sunlake sql --list
      sunlake sql --list fct_turns
      sunlake sql "select source_type, count(*) from messages group by all"
      sunlake sql "from agg_response_daily where metric = 'frt' order by local_date desc limit 7"
      sunlake sql "from conversations where app_id = '5d8cff3cd55b040010928b5b'" -o conversations.parquet
      sunlake sql --file report.sql --format csv > report.csv
      sunlake sql
    """
    root = frame.settings().place
    form = _format(form, output)
    _check_output(root, output)
    text = None if list_views else _text(query, script)
    from pipeline.warehouse.connection import connect

    with closing(connect(root)) as connection:

        def answer(query: str) -> None:
            _interruptible(connection, partial(_answer, connection, query, form=form, output=output, root=root))

        if list_views:
            show_columns(connection, only=query)
        elif text is not None:
            answer(text)
        else:
            from pipeline.cli.sql_prompt import history_file, prompt

            prompt(
                connection,
                show=answer,
                list_views=partial(show_views, connection),
                history=history_file(state_dir),
            )


def show_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Print the tables with what they hold."""
    print_table(["table", "rows"], [(name, comment) for _, name, comment in _views(connection)])


def show_columns(connection: duckdb.DuckDBPyConnection, *, only: str | None = None) -> None:
    """Print the tables, or one of them, and their columns with what they hold.

    Raises:
        UsageError: there is no such table.
    """
    views = [view for view in _views(connection) if only in {None, view[1], f"{view[0]}.{view[1]}"}]
    if not views:
        raise UsageError(f"--list: there is no table {only!r}; `sunlake sql --list` shows all")
    columns = connection.execute("""
        select schema_name, table_name, column_name, lower(data_type), comment
        from duckdb_columns() where database_name = current_database() and not internal order by column_index
    """).fetchall()
    for schema, view, comment in views:
        rows = [row[2:] for row in columns if row[:2] == (schema, view)]
        print_table(["column", "type", "meaning"], rows, title=f"{view}: {comment}")
        click.echo()


def _views(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    """The tables of the lake and the marts: schema, name, what a row is."""
    return connection.execute("""
        select schema_name, view_name, comment from duckdb_views()
        where schema_name in ('main', 'marts') and not internal and database_name = current_database() order by all
    """).fetchall()


def _format(form: str | None, output: Path | None) -> str:
    chosen = form or (SUFFIXES.get(output.suffix.lower(), "table") if output else "table")
    if chosen == "parquet" and output is None:
        raise UsageError("--format parquet needs --output FILE")
    return chosen


def _check_output(root: Place, output: Path | None) -> None:
    if output is not None and isinstance(root, Path) and output.resolve().is_relative_to(root.resolve()):
        raise UsageError(f"{output} lies inside the lake; write it elsewhere")


def _text(query: str | None, script: Path | None) -> str | None:
    if query is not None and script is not None:
        raise UsageError("give a query or --file, not both")
    if script is not None:
        try:
            return script.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise UsageError(f"{script} can't be read: {reason}") from None
    if query is not None:
        return query
    return None if sys.stdin.isatty() else sys.stdin.read()


def _interruptible(connection: duckdb.DuckDBPyConnection, work: Callable[[], None]) -> None:
    """Do the work in a thread: DuckDB heeds no signal while a query runs, so Ctrl-C has to be told to it."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        future = pool.submit(work)
        try:
            future.result()
        except KeyboardInterrupt:
            while wait([future], timeout=0.1).not_done:
                connection.interrupt()
            raise


def _answer(connection: duckdb.DuckDBPyConnection, text: str, *, form: str, output: Path | None, root: Place) -> None:
    from pipeline.warehouse.format import Format, write_parquet, write_text
    from pipeline.warehouse.query import run, run_arrow

    if form == Format.PARQUET:
        assert output is not None
        with _replacing(output) as part:
            write_parquet(run_arrow(connection, text, root=root), part)
        return
    with _stream(output) as stream:
        for number, result in enumerate(run(connection, text, root=root)):
            if number and form in {Format.TABLE, Format.MARKDOWN}:
                stream.write("\n")
            if form == Format.TABLE and output is None and is_terminal():
                _show(result)
            else:
                write_text(result, Format(form), stream)
            stream.flush()  # the next statement may take long


def _show(result: Result) -> None:
    from pipeline.warehouse.format import cell_text, printable

    rows = (row for batch in result.batches() for row in batch)
    shown = [[printable(cell_text(value)) for value in row] for row in islice(rows, TERMINAL_ROWS)]
    right = [column.name for column in result.columns if column.is_number]
    print_table([printable(column.name) for column in result.columns], shown, right=right)
    if next(rows, None) is not None:
        click.echo(f"Only the first {TERMINAL_ROWS:,} rows are shown; --output or a pipe gets all.", err=True)


@contextmanager
def _stream(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    with _replacing(output) as part, part.open("w", encoding="utf-8", newline="") as stream:
        yield stream


@contextmanager
def _replacing(output: Path) -> Iterator[Path]:
    """A place beside the output, which takes the output's name once all is written."""
    part = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(output)
    except OSError as error:
        raise StorageError(f"{output} can't be written: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
