"""`sunlake check`: whether the warehouse keeps what its models promise."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from pipeline.cli.frame import Frame, pass_frame
from pipeline.cli.memory_option import memory_option

if TYPE_CHECKING:
    from pipeline.warehouse.checks import OnCheck
    from pipeline.warehouse.header_checks import CheckResult

HELP = """Check the warehouse: keys, nulls, references, sums that must agree, and gaps against the ledger.

A check is a query that returns failing rows; a sample of them is printed, without personal data. The checks stand in
the headers of the models and in sql/tests. Models that are stored nowhere were checked by the build, while their rows
were there. Exit code 1 if any fails.

\b
Examples:
  sunlake check
  sunlake check --all    also name the checks that pass
"""


@click.command("check", help=HELP)
@click.option("--all", "show_all", is_flag=True, help="Name the checks that pass, too.")
@memory_option
@pass_frame
def command(frame: Frame, *, show_all: bool, memory_limit: str) -> int:
    """Check and print what fails."""
    from pipeline.warehouse.checks import check

    with shown_checks() as on_check:
        results = check(frame.settings(), memory_limit=memory_limit, on_check=on_check)
    print_checks(results, show_all=show_all)
    return 0 if all(result.is_passed for result in results) else 1


@contextmanager
def shown_checks() -> Iterator[OnCheck | None]:
    """Give a callback for `check` that shows the check at hand on a terminal; none elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    with Console(stderr=True).status("reading the lake") as status:
        yield lambda result: status.update(result.name)


def print_checks(results: Sequence[CheckResult], *, show_all: bool = False) -> None:
    """Print the checks that fail with a sample each, and how many there were."""
    from pipeline.cli.output import print_table
    from pipeline.warehouse.format import cell_text, printable

    for result in results:
        if result.is_passed:
            if show_all:
                click.echo(f"ok      {result.name}: {result.promise}")
            continue
        what = result.error or f"{result.failing:,} rows"
        click.echo(f"FAILED  {result.name}: {result.promise}: {what}")
        if result.sample:
            print_table(list(result.columns), [[printable(cell_text(cell)) for cell in row] for row in result.sample])
    failed = sum(not result.is_passed for result in results)
    click.echo(f"{len(results)} checks, {failed} failed")
