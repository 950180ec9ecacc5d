"""`sunlake erase status | verify | replay`: what stands open, whether it holds, and what to do after a restore."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pipeline.cli.erase_options import wait_option
from pipeline.cli.frame import Frame, pass_frame
from pipeline.privacy.wording import counted

if TYPE_CHECKING:
    from pipeline.privacy.report.status import BatchStatus


@click.command("status")
@click.argument("batch_id", required=False, metavar="[BATCH]")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@pass_frame
def status(frame: Frame, batch_id: str | None, *, as_json: bool) -> int:
    """Show every batch: how far it is, until when it must be done, what is left and why.

    With a batch, its requests one by one. Exit codes: 0 nothing is pressing, 3 a request is overdue or due within a
    week.

    \b
    Examples:
      sunlake erase status
      sunlake erase status b1a217d11a03f9bc0352
    """
    import msgspec

    from pipeline.privacy.desk import open_desk
    from pipeline.privacy.report.of_batch import all_statuses
    from pipeline.privacy.requests.store import load_batch

    with open_desk(frame.settings()) as desk:
        if batch_id is not None:
            load_batch(desk.lake, batch_id)  # says what to do where there is none
        found = [each for each in all_statuses(desk) if batch_id in {None, each.batch_id}]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
    elif batch_id is None:
        _print_batches(found)
    else:
        _print_requests(found[0])
    return 3 if any(each.warnings for each in found) else 0


@click.command("verify")
@pass_frame
def verify(frame: Frame) -> int:
    """Prove again what was done: the ledger of deeds is whole, and nobody who was erased is in the lake or the models.

    People are known by MACs only, so every id of the lake, of its JSON, of the ledger and of the models is hashed and
    compared, and texts are read where somebody was mentioned once; nothing is asked upstream. Messages that retention
    had removed are looked for, and batches that are still open are scanned for byte by byte.

    Exit codes: 0 all holds, 1 something does not, 3 a batch is open.

    \b
    Example:
      sunlake erase verify
    """
    from pipeline.privacy.desk import open_desk
    from pipeline.privacy.verify import verify_all

    with open_desk(frame.settings()) as desk:
        found = verify_all(desk)
    head = f"{counted(found.deeds, 'deed')}, the last {found.head.seq}: {found.head.hash[:16]}"
    click.echo(f"ledger of deeds: {'whole' if not found.problems else 'BROKEN'}; {head}")
    for problem in found.problems:
        click.echo(f"  {problem}", err=True)
    if found.stored:
        click.echo(f"lake: {counted(found.stored, 'id')} of people who were erased")
    if found.mentions:
        click.echo(f"lake: {counted(found.mentions, 'row')} of others with a mention of them that was redacted once")
    if found.computed:
        click.echo(f"models: {counted(found.computed, 'id')} of people who were erased")
    if not found.is_anybody_back:
        click.echo("lake: nobody is back")
    else:
        click.echo("  a backup was restored, or another program wrote them: run `sunlake erase replay`", err=True)
    if found.expired:
        click.echo(f"lake: {counted(found.expired, 'message')} that retention had removed")
        click.echo("  run `sunlake erase expire --older-than ... --apply` again, as before", err=True)
    for batch_id, verdict in found.open_batches.items():
        click.echo(f"batch {batch_id} is open: {verdict}", err=True)
    return found.exit_code


@click.command("replay")
@wait_option
@pass_frame
def replay(frame: Frame, *, wait_seconds: float) -> int:
    """Erase again whoever came back, after a backup of the lake was restored.

    What is computed from the lake goes, too. Exit code 3: done, and not proven; it is said what to do.

    The suppression list and the ledger of deeds (_sunlake/privacy; for a bucket, in the state folder) must be the
    present ones, not those of the backup.

    \b
    Example:
      sunlake erase replay
    """
    from pipeline.privacy.desk import open_desk
    from pipeline.privacy.replay import replay as erase_again

    with open_desk(frame.settings()) as desk:
        done = erase_again(desk, wait_seconds=wait_seconds)
    if done.scan is None:
        click.echo("nobody is back: there is nothing to erase again")
        return 0
    removed, changed = (sum(counts.values()) for counts in (done.lake.removed, done.lake.changed))
    files = counted(done.lake.touched, "file")
    click.echo(f"{counted(removed, 'row')} removed and {changed:,} changed in {files}; scan: {done.scan.verdict}")
    for problem in done.problems:
        click.echo(f"open: {problem}", err=True)
    if done.lake.derived is not None and done.lake.derived.had_warehouse:
        click.echo("the models were removed; run `sunlake build`")
    return done.exit_code


def _print_batches(found: Sequence[BatchStatus]) -> None:
    from pipeline.cli.output import print_table

    if not found:
        click.echo("no batch was planned yet; begin with `sunlake erase plan BATCH`")
        return
    columns = ["batch", "planned", "state", "requests", "outcomes", "next due", "left"]
    rows = []
    for batch in found:
        unmet = [request.due_at[:10] for request in batch.requests if request.urgency != "met"]
        outcomes = ", ".join(f"{count:,} {name}" for name, count in batch.outcomes.items())
        left = ", ".join(f"{each.step} ({each.status or 'begun'})" for each in batch.left)
        rows.append(
            [
                batch.batch_id,
                batch.created_at[:16],
                batch.state,
                len(batch.requests),
                outcomes,
                min(unmet, default=""),
                left,
            ]
        )
    print_table(columns, rows, right=["requests"])
    for batch in found:
        for request in batch.warnings:
            click.echo(f"{request.request_ref} ({batch.batch_id}): {request.urgency.replace('_', ' ')}", err=True)


def _print_requests(batch: BatchStatus) -> None:
    from pipeline.cli.output import print_table

    click.echo(f"batch {batch.batch_id}: {batch.state}; plan {batch.plan_id}")
    columns = ["request", "tag", "action", "found", "outcome", "due", "", "left"]
    rows = [
        [
            request.request_ref,
            (request.tag or "")[:12],
            request.action,
            request.state,
            request.outcome,
            request.due_at[:10],
            request.urgency.replace("_", " "),
            ", ".join(f"{each.step} ({each.status or 'begun'})" for each in request.left),
        ]
        for request in batch.requests
    ]
    print_table(columns, rows)
