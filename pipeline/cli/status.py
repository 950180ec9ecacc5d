"""`sunlake status`: coverage, files and runs, for a person or as JSON."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pipeline.cli.frame import Frame, pass_frame
from pipeline.cli.output import print_table
from pipeline.cli.progress import duration
from pipeline.cli.summary import unresolved_sentence

if TYPE_CHECKING:
    from pipeline.status import AppStatus, RunStatus

HELP = """Show what was reached, what is running and what failed.

It takes no lock and makes no call, so it may be asked at any time, also while an export runs.

\b
Examples:
  sunlake status
  sunlake status --json | jq '.[0].coverage'
"""


@click.command(help=HELP)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@pass_frame
def command(frame: Frame, *, as_json: bool) -> int:
    """Print the status of every app."""
    import msgspec

    from pipeline.lake.layout import open_lake
    from pipeline.status import read_status
    from pipeline.walk.ledger import open_ledger

    settings = frame.settings()
    lake = open_lake(settings.place, create=False)
    ledger = open_ledger(settings.ledger_url or lake.default_ledger_url)
    found = read_status(lake, ledger, [app.app_id for app in settings.apps])
    ledger.close()
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
        return 0
    for number, status in enumerate(found):
        if number:
            click.echo()
        _print_app(status)
    if not found:
        click.echo("no app is configured and the lake is empty; begin with `sunlake init`")
    return 0


def _print_app(status: AppStatus) -> None:
    click.echo(f"app {status.app_id}")
    writer = status.writer
    if writer is not None:
        click.echo(f"  running: sunlake {writer.what} since {writer.since} (process {writer.pid} on {writer.host})")
    else:
        click.echo("  running: nothing")
    if status.unfinished:
        click.echo(f"  {status.unfinished:,} conversations are not yet read to their start")
    if status.unpublished_commits:
        click.echo(f"  {status.unpublished_commits} commits were cut; the next export finishes them")
    if status.difference:
        click.echo(f"  {status.difference}")
    for failure in status.failures:
        click.echo(f"  failed: {failure.count:,} {failure.what}: {failure.error}")
    coverage = status.coverage
    columns = ["coverage", "known", "done", "gone", "merged", "failed", "waiting", "found by"]
    rows: list[Sequence[object]] = []
    for name, part in (("users", coverage.users), ("conversations", coverage.conversations)):
        states = part.by_state
        failed = states.get("failed", 0) + states.get("forbidden", 0)
        sources = ", ".join(f"{source} {count:,}" for source, count in part.by_source.items())
        done, gone, merged = (states.get(state, 0) for state in ("done", "gone", "merged"))
        rows.append([name, part.known, done, gone, merged, failed, part.pending, sources])
    print_table(columns, rows, right=columns[1:-1])
    if coverage.unresolved_seeds:
        click.echo(f"  {unresolved_sentence(coverage.unresolved_seeds)}")
    columns = ["table", "files", "rows", "MB"]
    files = [[item.table, item.files, item.rows, f"{item.bytes / 1e6:,.1f}"] for item in status.files]
    print_table(columns, files, right=columns[1:])
    columns = [
        "run",
        "state",
        "started",
        "took",
        "messages",
        "conversations",
        "users",
        "calls",
        "calls/s",
        "429",
        "left",
    ]
    print_table(columns, [_run_row(run) for run in status.runs], right=columns[3:])
    for run in status.runs:
        if run.message:
            click.echo(f"  {run.started_at} {run.kind}: {run.message}")


def _run_row(run: RunStatus) -> list[object]:
    left = None if run.remaining_seconds is None else duration(run.remaining_seconds)
    return [
        run.kind,
        run.state,
        run.started_at,
        duration(run.seconds),
        run.messages,
        run.conversations,
        run.users,
        run.calls,
        f"{run.calls_per_second:,.0f}",
        run.throttled,
        left,
    ]
