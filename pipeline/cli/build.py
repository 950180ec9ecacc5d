"""`sunlake build`: the models of `sql/` over the lake, into the warehouse."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from pipeline.cli.frame import Frame, pass_frame
from pipeline.cli.memory_option import memory_option

if TYPE_CHECKING:
    from pipeline.warehouse.build import BuildSummary
    from pipeline.warehouse.tally import ModelTally, OnModel

HELP = """Run the SQL models over the lake: sessions, reply times, backlog, channels, cohorts.

The result is <lake>/_sunlake/warehouse.duckdb, and the marts as Parquet under <lake>/marts. What changed since the last
build is computed again, the rest stays; a change of a setting or a model computes everything. A model that fails stops
only what reads it. Readers of the old warehouse go on with it until they open it anew.

\b
Examples:
  sunlake build
  sunlake build --full                          compute everything
  sunlake build --select agg_response_daily     one model, from what is stored
  sunlake build --select fct_turns+             a model and what reads it
  sunlake build --select +fct_sla               a model and what it reads
"""

LOG_EVERY_SECONDS = 5.0

log = logging.getLogger("pipeline.warehouse")


@click.command("build", help=HELP)
@click.option("--full", is_flag=True, help="Compute everything, even what did not change.")
@click.option("--select", multiple=True, metavar="MODEL", help="Only this model; with + before or behind, its family.")
@memory_option
@pass_frame
def command(frame: Frame, *, full: bool, select: Sequence[str], memory_limit: str) -> int:
    """Build and print what became of each model."""
    from pipeline.warehouse.build import build

    with shown_models(frame) as on_model:
        summary = build(frame.settings(), full=full, select=select, memory_limit=memory_limit, on_model=on_model)
    print_build(summary)
    return summary.exit_code


@contextmanager
def shown_models(frame: Frame) -> Iterator[OnModel]:
    """Give a callback for `build` that shows what it is told: a live line on a terminal, log events elsewhere."""
    if not sys.stderr.isatty() or frame.log_format == "json":
        yield _Logged()
        return
    from rich.console import Console

    with Console(stderr=True).status("reading the lake") as status:
        yield lambda tally, place: status.update(f"{place}: {_line(tally)}")


def print_build(summary: BuildSummary) -> None:
    """Print a build's models and the sentences that go with it."""
    from pipeline.cli.output import print_table
    from pipeline.cli.progress import duration

    shown = [model for model in summary.models if model.outcome != "kept"]
    rows = [[model.name, model.outcome, model.rows, duration(model.seconds)] for model in shown]
    print_table(["model", "outcome", "rows", "time"], rows, right=["rows", "time"])
    for model in shown:
        if model.message:
            click.echo(f"{model.name} {model.outcome}: {model.message}", err=True)
    if summary.failed_checks:
        failed = ", ".join(result.name for result in summary.failed_checks)
        click.echo(f"checks failed: {failed}; see `sunlake check`", err=True)
    scope = f"all {summary.conversations:,} conversations ({summary.why_full})"
    if summary.why_full is None:
        scope = f"{summary.conversations:,} conversations that changed or are still open"
    click.echo(f"computed {scope} in {duration(summary.seconds)}: {summary.warehouse}")


def _line(tally: ModelTally) -> str:
    return f"{tally.name}, {tally.rows:,} rows, {tally.seconds:.1f} s"


class _Logged:
    """Logs an event now and then; the table at the end tells of every model."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, tally: ModelTally, place: str) -> None:
        if tally.outcome == "built" and time.monotonic() - self._last < LOG_EVERY_SECONDS:
            return
        self._last = time.monotonic()
        fields = {"model": tally.name, "outcome": tally.outcome, "rows": tally.rows, "seconds": round(tally.seconds, 2)}
        log.info("build.model", extra=fields | {"place": place})
