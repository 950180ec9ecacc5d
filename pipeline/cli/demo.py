"""`sunlake demo`: the whole way from an API to answers, on real conversations and without an account."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pipeline.cli.frame import Frame, pass_frame
from pipeline.errors import SunlakeError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.given import Given
    from pipeline.cli.demo_folder import DemoFolder
    from pipeline.outcome import OnProgress
    from pipeline.sandbox.process import Sandbox

CONVERSATIONS: Final = 7_168
ANSWERS: Final = {
    "messages_per_channel": "Messages per channel",
    "reply_times": "How long users wait for a reply",
}
TRY: Final = (
    "report --format markdown",
    "sql \"from agg_response_daily where metric = 'frt' order by local_date desc limit 5\"",
    "sql \"select text from messages where author_type = 'user' limit 5\"",
    "sql --list",
    "status",
)

HELP = """Export 7,168 real conversations from a local sandbox, and make the report on them.

A server that speaks the Sunshine Conversations API starts on this machine, a Prefect flow exports everything from it,
SQL models compute sessions, reply times and the rest, checks prove what they promise, and the report is written. All of
it stays in one folder, which may be deleted. A second demo goes on with the lake of the first one.

With --erase, one speaker is erased afterwards: at the server, in the lake and in all that was made of it. A scan of
every byte proves it, and a new export with the same seeds does not bring them back. A second such demo starts a server
that knows the speaker again, keeps them out all the same, and erases another one.

\b
Examples:
  sunlake demo
  sunlake demo --limit 200
  sunlake demo --fresh
  sunlake demo --erase
"""


@click.command(help=HELP)
@click.option(
    "--limit",
    type=click.IntRange(1, CONVERSATIONS),
    metavar="N",
    help="Only the first N conversations.",
)
@click.option("--fresh/--keep", default=False, help="Begin anew, or go on with the lake that is there (default).")
@click.option(
    "--lake",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("sunlake-demo"),
    show_default=True,
    metavar="FOLDER",
    help="Where everything goes.",
)
@click.option("--erase", "with_erasure", is_flag=True, help="Then erase one speaker everywhere, and prove it.")
@pass_frame
def command(frame: Frame, *, limit: int | None, fresh: bool, folder: Path, with_erasure: bool) -> int:
    """Run the demo; the exit code is the export's, or the worse one of the erasure."""
    from importlib.util import find_spec

    from pipeline.cli.demo_erase import prepare
    from pipeline.cli.demo_folder import open_folder

    if find_spec("chitchat_dataset") is None:
        raise UsageError("the demo's conversations come with an extra: pip install 'sunlake[demo]'")
    began = time.monotonic()
    place = open_folder(folder, world=f"chitchat:{limit}" if limit else "chitchat", fresh=fresh)
    if place.has_lake:
        click.echo(f"{folder} holds a lake already: the export goes on from there (--fresh begins anew)")
    if with_erasure:
        prepare(place)
    with _servers(place):
        code, page = _export(frame, place)
        if with_erasure:
            erased, page = _erase(frame, place)
            code = max(code, erased)
    click.echo(f"\nDone in {time.monotonic() - began:.0f} s; {folder} holds all of it. Try next:\n")
    for arguments in (*TRY, "erase status", "erase verify") if with_erasure else TRY:
        click.echo(f"  SUNLAKE_CONFIG={shlex.quote(str(place.toml))} {program()} {arguments}")
    click.echo(f"\nThe report: {place.lake.absolute() if page is None else page.absolute()}")
    return code


def show_answers(lake: Path) -> None:
    """Print what the example queries say about a lake.

    Raises:
        LakeError, QueryError: the lake can't be read.
    """
    from pipeline.cli.output import print_table
    from pipeline.warehouse.connection import connect
    from pipeline.warehouse.examples import example_sql
    from pipeline.warehouse.format import cell_text, printable
    from pipeline.warehouse.query import run

    with closing(connect(lake)) as connection:
        for name, title in ANSWERS.items():
            for result in run(connection, example_sql(name), root=lake):
                cells = (row for batch in result.batches() for row in batch)
                rows = [
                    [cell if isinstance(cell, int) else printable(cell_text(cell)) for cell in row] for row in cells
                ]
                columns = [column.name for column in result.columns]
                click.echo()
                right = [column.name for column in result.columns if column.is_number]
                print_table(columns, rows, title=f"{title} (sql/examples/{name}.sql)", right=right)


def program() -> str:
    """How this program is called from a shell."""
    called = Path(sys.argv[0])
    found = shutil.which("sunlake")
    if found is not None and called.name == "sunlake" and called.resolve() == Path(found).resolve():
        return "sunlake"
    return (
        shlex.quote(str(called)) if called.name == "sunlake" else f"{shlex.quote(sys.executable)} -m {__package__}.main"
    )


@contextmanager
def _servers(place: DemoFolder) -> Iterator[None]:
    """The sandbox and Prefect, for as long as the demo needs them."""
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        del os.environ[name]  # the demo has nothing to do with the user's own Prefect
    os.environ["PREFECT_HOME"] = str(place.prefect.absolute())
    os.environ["PREFECT_LOGGING_LEVEL"] = "CRITICAL"  # how the run ends is said below
    from flows.server import embedded_server
    from pipeline.sandbox.process import Sandbox

    click.echo("starting the sandbox and Prefect")
    with _prepared(Sandbox(place.world), place), embedded_server(services=False):
        yield


def _export(frame: Frame, place: DemoFolder) -> tuple[int, Path | None]:
    """Export, build, check and report, and say what came of it; returns the exit code and the report's page."""
    from pipeline.cli.progress import shown_progress
    from pipeline.cli.summary import exit_code, print_summaries

    with shown_progress(frame) as on_progress:
        click.echo(f"exporting into {place.lake}")
        given = asyncio.run(_run_flows(place, on_progress))
    print_summaries(given.summaries)
    code = max(exit_code(given.summaries), _print_warehouse(given))
    show_answers(place.lake)
    return code, given.page


def _erase(frame: Frame, place: DemoFolder) -> tuple[int, Path | None]:
    """Erase a speaker and export again; returns the exit code and the report's page."""
    from pipeline.cli.demo_erase import erase_speaker, prove_absence

    speaker, applied = asyncio.run(erase_speaker(place))
    click.echo("\nThe same seeds again:")
    code, page = _export(frame, place)
    is_absent = prove_absence(place, speaker)
    return max(code, applied.exit_code, 0 if is_absent else 1), page


def _print_warehouse(given: Given) -> int:
    """Say what the build and the checks brought; returns the exit code."""
    from pipeline.cli.check import print_checks

    if given.build is not None:
        built = sum(model.outcome == "built" for model in given.build.models)
        click.echo(
            f"\n{built} of {len(given.build.models)} models built over {given.build.conversations:,} conversations"
        )
    print_checks(given.checks)
    failed = given.build is None or given.build.exit_code or not all(result.is_passed for result in given.checks)
    return 1 if failed else 0


@contextmanager
def _prepared(sandbox: Sandbox, place: DemoFolder) -> Iterator[None]:
    with sandbox:
        key = sandbox.key()
        os.environ[place.KEY_ID], os.environ[place.SECRET] = key.id, key.secret
        place.write(app_id=sandbox.app_id, base_url=sandbox.base_url, seeds=sandbox.seeds())
        yield


async def _run_flows(place: DemoFolder, on_progress: OnProgress) -> Given:
    from flows.build import build, check
    from flows.export import export
    from flows.given import Given, giving
    from flows.report import report
    from pipeline.cli.export import with_signals

    stop = asyncio.Event()
    with_signals(stop)
    with giving(Given(settings=place.settings(), on_progress=on_progress, stop=stop)) as given:
        state = await export(return_state=True)
        if not given.summaries:
            raise SunlakeError(state.message or "the export ended without saying why")
        for step in (build, check, report):
            if not stop.is_set():
                state = await step(return_state=True)
                if state.is_failed() and not given.checks:
                    raise SunlakeError(state.message or f"{step.name} ended without saying why")
    told = replace(given)
    # Prefect keeps what it was given to the end of the process, and DuckDB would report that as a leak.
    given.build, given.checks = None, []
    return told
