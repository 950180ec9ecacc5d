"""`sunlake access`: a copy of all data about a person, for that person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pipeline.cli.frame import Frame, pass_frame
from pipeline.privacy.wording import counted

if TYPE_CHECKING:
    from pipeline.privacy.access.write import AccessExport

_UPSTREAM: Final = {
    "complete": "asked again",
    "partial": "PARTIAL",
    "offline": "not asked",
    "no_key": "not asked: no key",
}

HELP = """Write a copy of the data of each person whom BATCH asks for (GDPR, Article 15).

BATCH is a CSV, JSONL or Parquet file, or a SELECT for DuckDB, with the columns request_ref, app_id, one of user_id,
external_id, email or client_external_id, action (access), received_at, verified_by and reason_code. Everybody is read
anew from Sunshine Conversations first. Each copy is a zip with a page to read and files for machines; other people are
not named in it. Copies are registered and deleted after 7 days.

The exit code is 3 if somebody was not found, if several people may be meant, or if Sunshine Conversations did not tell
everything or could not be asked without a key; the copy says so, too.

\b
Examples:
  sunlake access requests.csv --out copies
  sunlake access requests.csv --out copies --offline    by the lake alone
"""


@click.command(help=HELP)
@click.argument("batch")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for the copies.")
@click.option("--offline", "is_offline", is_flag=True, help="Don't ask Sunshine Conversations.")
@pass_frame
def command(frame: Frame, batch: str, *, out: Path, is_offline: bool) -> int:
    """Write the copies and print where they are."""
    import asyncio

    from pipeline.cli.output import print_table
    from pipeline.privacy.access.run import run_access
    from pipeline.privacy.desk import open_desk

    with open_desk(frame.settings()) as desk:
        done = asyncio.run(run_access(desk, batch, out=out, is_offline=is_offline, on_step=_say))
    rows = [
        [
            ", ".join(copy.request_refs),
            str(copy.export.path),
            copy.export.bytes,
            copy.export.sha256,
            _UPSTREAM[copy.export.asked],
            f"{copy.expires_at:%Y-%m-%dT%H:%MZ}",
        ]
        for copy in done.copies
    ]
    if rows:
        print_table(["request", "path", "bytes", "sha256", "upstream", "deleted after"], rows, right=["bytes"])
    for copy in done.copies:
        if copy.export.asked != "complete":
            click.echo(f"request {', '.join(copy.request_refs)}: {_doubt(copy.export)}", err=True)
    for request_ref, state in done.missing:
        click.echo(f"request {request_ref}: {state}, so no copy was written", err=True)
    if done.copies and not desk.settings.privacy.controller:
        click.echo("the copies don't name you as responsible: set [privacy] controller in sunlake.toml", err=True)
    click.echo(f"{counted(len(done.copies), 'copy', 'copies')}, recorded as {done.batch_id}")
    return done.exit_code


def _say(step: str) -> None:
    click.echo(step, err=True)


def _doubt(export: AccessExport) -> str:
    """What a copy may lack, and why."""
    as_of = export.lake_as_of
    lake = f"the last complete export began at {as_of:%Y-%m-%dT%H:%MZ}" if as_of else "no export was complete yet"
    match export.asked:
        case "partial":
            return f"Sunshine Conversations did not tell everything, so it may lack something; {lake}; try again"
        case "no_key":
            return f"Sunshine Conversations was not asked, since the app's key is not set; {lake}"
        case _:
            return f"Sunshine Conversations was not asked; {lake}"
