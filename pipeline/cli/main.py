"""The entry point: names the commands, runs one, and turns whatever happens into a message and an exit code."""

from __future__ import annotations

import logging
import sys
from typing import Final, NoReturn

import click

from pipeline.cli.failures import call_stack_of, exit_code_of, message_of
from pipeline.cli.frame import Frame, shared_options
from pipeline.cli.lazy import LazyGroup

SUMMARIES: Final = {
    "demo": "Export real conversations from a local sandbox and query them.",
    "init": "Write a commented sunlake.toml.",
    "doctor": "Try keys, scopes and storage, and say what to mend.",
    "export": "Export everything that is new since the last run.",
    "status": "Show what was reached: coverage, files, runs.",
    "build": "Run the SQL models over the lake.",
    "check": "Check what the models promise.",
    "report": "Write the report as HTML, Markdown, CSV or Parquet.",
    "sql": "Query the lake and the marts with SQL.",
    "access": "Write copies of people's data for them.",
    "compact": "Merge small files and drop superseded rows.",
    "repair": "Check the lake and rebuild the ledger from it.",
    "erase": "Erase people by GDPR batches, and prove it.",
    "serve": "Run the schedules.",
    "sandbox": "A local Sunshine Conversations API.",
}
PLACES: Final = {name: f"pipeline.cli.{name}:command" for name in SUMMARIES}
HELP: Final = """Export Sunshine Conversations into a lake of Parquet, and query it with DuckDB.

\b
  sunlake demo                     see it work, without an account
  sunlake init                     write sunlake.toml, then fill it in
  sunlake doctor                   check it
  sunlake export --seeds users.csv
  sunlake build && sunlake report --open
  sunlake sql "select count(*) from messages"

The options below may stand before or after a command.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 done in part.
"""

cli = LazyGroup(
    "sunlake",
    places=PLACES,
    summaries=SUMMARIES,
    params=[*shared_options(hidden=False)],
    help=HELP,
)
click.version_option(package_name="sunlake", prog_name="sunlake")(cli)


def main() -> NoReturn:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; a command returns None for done, or another code."""
    frame = Frame()
    frame.start_logging()
    try:
        with frame.stack:
            result = cli.main(arguments, prog_name="sunlake", standalone_mode=False, obj=frame)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return 130
    except Exception as error:  # noqa: BLE001 - the outermost place: whatever happened becomes a message
        return _fail(frame, error)
    return result if isinstance(result, int) else 0


def _fail(frame: Frame, error: Exception) -> int:
    code = exit_code_of(error)
    if frame.debug:
        click.echo(call_stack_of(error), err=True)
    if frame.log_format == "json":
        logging.getLogger("pipeline.cli").error(message_of(error), extra={"exit_code": code})
    else:
        click.echo(f"{click.style('error:', fg='red')} {message_of(error)}", err=True)
    return code


if __name__ == "__main__":
    main()
