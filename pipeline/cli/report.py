"""`sunlake report`: the page on response times, backlog, volume and bots, or its tables for other tools."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pipeline.cli.frame import Frame, pass_frame
from pipeline.errors import UsageError
from pipeline.places import Place

if TYPE_CHECKING:
    from pipeline.report.report import Report

FORMATS: Final = ("html", "markdown", "csv", "parquet")
SUFFIXES: Final = {".html": "html", ".htm": "html", ".md": "markdown"}
DAY: Final = click.DateTime(["%Y-%m-%d"])
HELP: Final = """Write the report: one page of HTML that needs no network, or its tables.

It covers the last 28 whole days, or those given by --from and --to (both included, days of the zone in sunlake.toml).
By default the page is written to _sunlake/report/index.html in the lake.

\b
Examples:
  sunlake report --open
  sunlake report --from 2026-10-01 --to 2026-10-31 --output october.html
  sunlake report --channel whatsapp --channel web
  sunlake report --format markdown
  sunlake report --format parquet --output tables/
"""


@click.command("report", help=HELP)
@click.option("--open", "is_opened", is_flag=True, help="Show the page in a browser.")
@click.option("--from", "first", type=DAY, metavar="DATE", help="The first day.")
@click.option("--to", "last", type=DAY, metavar="DATE", help="The last day.")
@click.option("--app", "apps", multiple=True, metavar="ID", help="Only this app. May be repeated.")
@click.option("--channel", "channels", multiple=True, metavar="NAME", help="Only this channel. May be repeated.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to write; a folder for csv and parquet.",
)
@click.option("--format", "form", type=click.Choice(FORMATS), help="By default html, or what --output ends in.")
@pass_frame
def command(
    frame: Frame,
    *,
    is_opened: bool,
    first: datetime | None,
    last: datetime | None,
    apps: Sequence[str],
    channels: Sequence[str],
    output: Path | None,
    form: str | None,
) -> None:
    """Write the report."""
    root = frame.settings().place
    chosen = form or (SUFFIXES.get(output.suffix.lower(), "html") if output else "html")
    place = _place(root, output, chosen, is_opened=is_opened)
    from pipeline.report.report import make_report
    from pipeline.report.scope import Wish

    report = make_report(root, Wish(_date(first), _date(last), apps, channels))
    if place is None:
        from pipeline.report.files import write_markdown

        write_markdown(report, sys.stdout)
        return
    click.echo(f"wrote {_write(report, place, chosen)}: {report.scope.period.text.replace(chr(0xA0), ' ')}")
    click.echo(report.coverage_sentence.replace(chr(0xA0), " "))
    if is_opened and not webbrowser.open(place.absolute().as_uri()):
        click.echo("There is no browser here; open the file elsewhere.", err=True)


def _place(root: Place, output: Path | None, form: str, *, is_opened: bool) -> Path | None:
    """Where to write; None for the standard output."""
    if is_opened and form != "html":
        raise UsageError("--open shows the page; leave --format out, or use --format html")
    if output is None:
        from pipeline.report.files import default_page

        page = default_page(root)
        return {"html": page, "markdown": None}.get(form, page.parent / form)
    if isinstance(root, Path) and output.resolve().is_relative_to(root.resolve()):
        raise UsageError(f"{output} lies inside the lake; write it elsewhere, or leave --output out")
    is_folder = form in {"csv", "parquet"}
    if output.exists() and output.is_dir() != is_folder:
        kind = "file" if is_folder else "folder"
        raise UsageError(
            f"{output} is a {kind}; --format {form} needs --output with a {'folder' if is_folder else 'file'}"
        )
    return output


def _write(report: Report, place: Path, form: str) -> str:
    """Write the report; returns what was written, for a person."""
    from pipeline.report.files import write_csv, write_html, write_markdown_file, write_parquet

    if form in {"csv", "parquet"}:
        count = (write_csv if form == "csv" else write_parquet)(report, place)
        return f"{count} tables into {place}"
    (write_html if form == "html" else write_markdown_file)(report, place)
    return f"{place} ({place.stat().st_size / 1e6:.1f} MB)"


def _date(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()
