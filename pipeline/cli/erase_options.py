"""Options that more than one command of `sunlake erase` takes."""

from __future__ import annotations

import click

wait_option = click.option(
    "--wait",
    "wait_seconds",
    type=click.FloatRange(min=0),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for a compaction or build that is running.",
)
