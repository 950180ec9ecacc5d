"""`sunlake erase status | verify | replay`: what stands open, whether it holds, and what to do after a restore."""

from __future__ import annotations

import click

from pipeline.cli.frame import Frame, pass_frame


@click.command("verify")
@pass_frame
def verify(frame: Frame) -> int:
    r"""Prove again what was done: the ledger of deeds is whole, and nobody who was erased is in the lake.

    People are known by MACs only, so every id of the lake and of the ledger is hashed and compared; nothing is asked
    upstream. Batches that are still open are scanned for byte by byte.

    Exit codes: 0 all holds, 1 something does not, 3 a batch is open.

    \b
    Example:
      sunlake erase verify
    """
    from pipeline.privacy.desk import open_desk
    from pipeline.privacy.verify import verify_all

    with open_desk(frame.settings()) as desk:
        found = verify_all(desk)
    head = f"{found.deeds:,} deeds, the last {found.head.seq}: {found.head.hash[:16]}"
    click.echo(f"ledger of deeds: {'whole' if not found.problems else 'BROKEN'}; {head}")
    for problem in found.problems:
        click.echo(f"  {problem}", err=True)
    click.echo(f"lake: {found.back:,} ids of people who were erased" if found.back else "lake: nobody is back")
    if found.back:
        click.echo("  a backup was restored, or another program wrote them: run `sunlake erase replay`", err=True)
    for batch_id, verdict in found.open_batches.items():
        click.echo(f"batch {batch_id} is open: {verdict}", err=True)
    return found.exit_code


@click.command("replay")
@click.option(
    "--wait",
    "wait_seconds",
    type=click.FloatRange(min=0),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for a compaction or build that is running.",
)
@pass_frame
def replay(frame: Frame, *, wait_seconds: float) -> int:
    r"""Erase again whoever came back, after a backup of the lake was restored.

    The suppression list and the ledger of deeds (_sunlake/privacy) must be the present ones, not those of the backup.

    \b
    Example:
      sunlake erase replay
    """
    from pipeline.privacy.desk import open_desk
    from pipeline.privacy.replay import replay as erase_again
    from pipeline.privacy.scan.report import Verdict

    with open_desk(frame.settings()) as desk:
        outcome, report = erase_again(desk, wait_seconds=wait_seconds)
    if report is None:
        click.echo("nobody is back: there is nothing to erase again")
        return 0
    click.echo(f"{sum(outcome.removed.values()):,} rows removed in {outcome.touched:,} files; scan: {report.verdict}")
    if outcome.derived is not None and outcome.derived.had_warehouse:
        click.echo("the models were removed; run `sunlake build`")
    return 0 if report.verdict is Verdict.CLEAN else 3
