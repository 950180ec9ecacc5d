"""`sunlake serve`: runs the schedules of the settings, on a Prefect server of its own or the one that is configured."""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib import import_module
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.frame import Frame, pass_frame
from pipeline.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.config import ScheduleSettings, Settings

HELP = """Run the schedules of sunlake.toml until interrupted.

\b
  [[schedules]]
  flow = "nightly"            # export, sweep, compact, build, erase, or nightly: all that a night needs
  cron = "0 3 * * *"          # minute, hour, day of month, month, day of week
  timezone = "Europe/Paris"   # an IANA zone; by default UTC

One run at a time: what is due meanwhile runs afterwards, once per flow. What was due while nothing served it is not
made up for; the next run finds it all. SIGTERM and Ctrl-C let a run that is under way commit what it has.

A Prefect server is brought along, on loopback and for this command alone. Set PREFECT_API_URL to use yours.

\b
Examples:
  sunlake serve
  sunlake serve --config prod.toml --log-format json
"""

NO_SCHEDULES = """the settings have no schedules; add one to sunlake.toml:

[[schedules]]
flow = "nightly"
cron = "0 3 * * *"
timezone = "Europe/Paris\""""


@click.command(help=HELP)
@pass_frame
def command(frame: Frame) -> None:
    """Check the settings, say what comes next, and serve."""
    from pipeline.cli.export import chosen_apps
    from pipeline.config import key_pair

    settings = frame.settings()
    if not settings.schedules:
        raise ConfigError(NO_SCHEDULES)
    show_next(settings.schedules)
    for app in chosen_apps(settings, ()):
        key_pair(app)
    if frame.config is not None:
        os.environ["SUNLAKE_CONFIG"] = str(frame.config.absolute())
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")  # how a run ends is logged here, whoever ran it
    check_place()
    _serve(settings)


def show_next(schedules: Sequence[ScheduleSettings]) -> None:
    """Print what will run next and when, soonest first.

    Raises:
        ConfigError: a cron expression is wrong.
    """
    from pipeline.cli.cron import next_date
    from pipeline.cli.output import print_table

    now = datetime.now(UTC)
    dates = [next_date(each, now, at=f"schedules[{number}].cron") for number, each in enumerate(schedules)]
    soonest_first = sorted(zip(dates, schedules, strict=True), key=lambda pair: pair[0])
    rows = [[each.flow, each.cron, f"{date:%Y-%m-%d %H:%M %Z}"] for date, each in soonest_first]
    print_table(["flow", "cron", "next run"], rows)


def check_place() -> None:
    """Refuse a working folder whose own modules would be run instead of sunlake's: Prefect looks there first.

    Raises:
        ConfigError: there is one; the message names it.
    """
    for name in ("flows", "pipeline"):
        found = PathFinder.find_spec(name, [str(Path.cwd())])
        if found is not None and found.origin not in {None, import_module(name).__file__}:
            raise ConfigError(
                f"{name} in this folder hides a part of sunlake of that name from Prefect; "
                "run `sunlake serve` in another folder and name the settings with --config"
            )


def _serve(settings: Settings) -> None:
    from flows.environment import server_is_given
    from flows.server import embedded_server

    os.environ["PYTHONSAFEPATH"] = "1"  # for the processes of the runs, too
    with ExitStack() as stack:
        if not server_is_given():
            stack.enter_context(embedded_server(services=True))
        from flows.schedules import run_schedules

        click.echo("serving; Ctrl-C or SIGTERM ends it")
        asyncio.run(run_schedules(settings))
    click.echo("ended")
