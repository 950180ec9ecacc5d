"""`sunlake compact`: fewer, larger, sorted files without superseded rows."""

from __future__ import annotations

from collections.abc import Sequence

import click

from pipeline.cli.frame import Frame, pass_frame

HELP = """Merge the small files of each partition into one.

Superseded versions of rows are dropped, and rows are sorted by conversation and time. Queries see the same rows before
and after. It may be killed at any instant; the next command that writes finishes or undoes what was begun.

\b
Examples:
  sunlake compact                   every partition with at least 2 files
  sunlake compact --min-files 10    only where it pays
"""


@click.command(help=HELP)
@click.option("--app", "app_ids", multiple=True, metavar="ID", help="Only this app; may be given several times.")
@click.option("--min-files", type=click.IntRange(min=1), default=2, show_default=True, help="Leave smaller partitions.")
@pass_frame
def command(frame: Frame, app_ids: Sequence[str], min_files: int) -> int:
    """Compact and print what it brought."""
    from pipeline.cli.output import print_table
    from pipeline.lake.commit import recover
    from pipeline.lake.compact import compact_app
    from pipeline.lake.layout import open_lake
    from pipeline.lake.lock import writer_lock
    from pipeline.lake.repair import apps_of
    from pipeline.suppression.gate import open_gate
    from pipeline.walk.ledger import open_ledger

    settings = frame.settings()
    lake = open_lake(settings.place, create=False)
    ledger = open_ledger(settings.ledger_url or lake.default_ledger_url)
    rows = []
    for app_id in app_ids or apps_of(lake):
        with writer_lock(lake, app_id, what="compact"):
            gate = open_gate(lake, app_id, settings)
            recover(lake, ledger, app_id, admission=gate)
            for done in compact_app(lake, ledger, app_id, min_files=min_files, admission=gate):
                saved = done.rows_before - done.rows_after
                rows.append([done.partition, done.files_before, saved, done.rows_after, done.bytes_after])
    ledger.close()
    if rows:
        columns = ["partition", "files before", "superseded rows", "rows", "bytes"]
        print_table(columns, rows, right=columns[1:])
    else:
        click.echo(f"nothing to do: no partition has {min_files} files or more")
    return 0
