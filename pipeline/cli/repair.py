"""`sunlake repair`: check every file and rebuild the ledger from the lake."""

from __future__ import annotations

import click

from pipeline.cli.frame import Frame, pass_frame

HELP = """Check every file of the lake, and rebuild the ledger from what they hold.

Use it when the ledger is lost or damaged, or when a file can't be read. Damaged files are moved to _sunlake/quarantine,
and the next export reads again what they held. That export costs a call or two per conversation, once, to learn what
the files can't tell; it writes no message twice.

A lake in a bucket belongs to one ledger. If that is gone with its machine, --take-over makes the lake this machine's;
no other sunlake may be writing it.

\b
Examples:
  sunlake repair
  sunlake repair && sunlake export
  sunlake repair --take-over
"""


@click.command(help=HELP)
@click.option("--take-over", is_flag=True, help="Make the lake this ledger's, if that of another machine is gone.")
@pass_frame
def command(frame: Frame, *, take_over: bool) -> int:
    """Rebuild and print what was found."""
    from contextlib import ExitStack

    from pipeline.cli.output import print_table
    from pipeline.lake.layout import open_lake
    from pipeline.lake.lock import writer_lock
    from pipeline.lake.repair import apps_of, finish_commits, rebuild_app, set_ledger_aside
    from pipeline.suppression.gate import open_gate
    from pipeline.walk.ledger import open_ledger

    settings = frame.settings()
    lake = open_lake(settings.place, create=False)
    url = settings.ledger_url or lake.default_ledger_url
    app_ids = sorted({*apps_of(lake), *(app.app_id for app in settings.apps)})
    if take_over:
        lake.store.take_over()
    with ExitStack() as stack:
        for app_id in app_ids:
            stack.enter_context(writer_lock(lake, app_id, what="repair"))
        last = finish_commits(lake, url, app_ids, admission_of=lambda app_id: open_gate(lake, app_id, settings))
        if last.reason is not None:
            click.echo(f"commits that were cut can't be finished: {last.reason}")
        aside = set_ledger_aside(lake, url)
        if aside is not None:
            click.echo(f"the old ledger is kept as {aside}")
        ledger = open_ledger(url)
        stack.callback(ledger.close)
        found = [rebuild_app(lake, ledger, app_id, lost=last.lost.get(app_id, 0)) for app_id in app_ids]
    columns = ["app", "files", "users", "conversations", "messages", "lost files", "damaged files"]
    rows = [
        [app.app_id, app.files, app.users, app.conversations, app.messages, app.lost, len(app.quarantined)]
        for app in found
    ]
    print_table(columns, rows, right=columns[1:])
    for path in (path for app in found for path in app.quarantined):
        click.echo(f"damaged, moved to _sunlake/quarantine: {path}")
    if any(app.has_gaps for app in found):
        click.echo("run `sunlake export`: it reads every conversation of these apps again and fills the gaps")
        return 3
    return 0
