"""`sunlake export`: everything that is new since the last run."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pipeline.cli.frame import Frame, pass_frame

if TYPE_CHECKING:
    from pipeline.config import AppSettings, Settings
    from pipeline.outcome import OnProgress, Summary
    from pipeline.walk.runs import RunKind

HELP = """Export everything that is new since the last run.

The first run walks from the seeds to all that can be reached from them: users, their conversations, the participants of
these, and so on. Later runs ask each known user for changes and need no seeds. A run that is cut, even by a power
failure, goes on where it stopped: nothing is lost, nothing is there twice.

\b
Seeds are CSV, JSON Lines or Parquet files, or a SQL query, with exactly one of these columns filled in each row:
  user_id           24 hex digits, from webhooks or earlier exports
  external_id       your own id for the user, from your CRM (with brand_id where users are separated by brand)
  email             an e-mail identity of the user
  conversation_id   for groups that nobody takes part in any more

\b
Examples:
  sunlake export --seeds crm.csv
  sunlake export --seeds "select contact_id as external_id from 'crm.parquet'"
  sunlake export --app 5d8cff3cd55b040010928b5b
  sunlake export --sweep            read everything again: finds edits, deletions and merges

Exit codes: 0 done, 1 failed, 2 wrong use, 3 done in part (the summary says what is missing).
"""


@click.command(help=HELP)
@click.option("--app", "app_ids", multiple=True, metavar="ID", help="Only this app; may be given several times.")
@click.option(
    "--seeds", multiple=True, metavar="FILE|SQL", help="Where to start from, beside the seeds in the settings."
)
@click.option("--sweep", is_flag=True, help="Read everything again to find what no timestamp tells.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Stop each app after N conversations.")
@pass_frame
def command(frame: Frame, app_ids: Sequence[str], seeds: Sequence[str], *, sweep: bool, limit: int | None) -> int:
    """Run the export and say how it went."""
    from pipeline.cli.progress import shown_progress
    from pipeline.cli.summary import exit_code, print_summaries

    settings = frame.settings()
    apps = chosen_apps(settings, app_ids)
    kind: RunKind = "sweep" if sweep else "export"
    with shown_progress(frame) as on_progress:
        summaries = asyncio.run(_export(settings, apps, kind, seeds=seeds, limit=limit, on_progress=on_progress))
    print_summaries(summaries)
    return exit_code(summaries)


def chosen_apps(settings: Settings, app_ids: Sequence[str]) -> list[AppSettings]:
    """The apps that are meant: those named, or all that are configured.

    Raises:
        ConfigError: none is configured, or one that is named is not.
    """
    from pipeline.errors import ConfigError

    if not settings.apps:
        raise ConfigError(
            "no app is configured; write sunlake.toml with `sunlake init`, or set SUNLAKE_APP_ID, SUNLAKE_BASE_URL, "
            "SUNLAKE_KEY_ID and SUNLAKE_SECRET"
        )
    return [settings.app(app_id) for app_id in dict.fromkeys(app_ids)] or list(settings.apps)


async def _export(
    settings: Settings,
    apps: Sequence[AppSettings],
    kind: RunKind,
    *,
    seeds: Sequence[str],
    limit: int | None,
    on_progress: OnProgress,
) -> list[Summary]:
    from pipeline.export import export_apps

    stop = asyncio.Event()
    with_signals(stop)
    return await export_apps(settings, apps, kind=kind, seeds=seeds, limit=limit, on_progress=on_progress, stop=stop)


def with_signals(stop: asyncio.Event) -> None:
    """Let the first SIGINT or SIGTERM end the run after a last commit, and the second one at once."""
    loop = asyncio.get_running_loop()

    def ask(number: signal.Signals) -> None:
        click.echo(f"{number.name}: committing what was read so far; again to stop at once", err=True)
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask, number)
