"""`sunlake erase records`: what personal data the lake holds, and why (GDPR Art. 30)."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli.frame import Frame, pass_frame
from pipeline.errors import StorageError


@click.command("records")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write them to a file.")
@pass_frame
def command(frame: Frame, *, out: Path | None) -> None:
    """Print the records of processing (Art. 30) as Markdown: each column with personal data, its purpose, how long.

    They are made from the registry that erasure itself goes by, and from [privacy]: controller, recipients, retention.
    No key is needed.

    \b
    Example:
      sunlake erase records --out records-of-processing.md
    """
    from pipeline.privacy.report.records import records_of, render_records, retention_of
    from pipeline.suppression.registry import ERASURE_TARGETS

    privacy = frame.settings().privacy
    records = records_of(ERASURE_TARGETS, retention=retention_of(privacy.retention))
    text = render_records(records, controller=privacy.controller or "", recipients=privacy.recipients)
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, "utf-8")
    except OSError as error:
        raise StorageError(f"{out} can't be written: {error.strerror}") from None
    click.echo(f"wrote {out}: {len(records):,} columns with personal data")
