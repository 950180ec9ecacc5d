"""`sunlake erase approve | abort | extend`: what people decide about a plan or a request, beside carrying it out."""

from __future__ import annotations

import click

from pipeline.cli.frame import Frame, pass_frame
from pipeline.privacy.wording import counted

_plan_option = click.option(
    "--plan", "plan_id", required=True, metavar="ID", help="The plan's id, or its first digits."
)


@click.command("approve")
@_plan_option
@click.option("--confirm", "confirmation", required=True, metavar="ERASE-N", help="What the plan ends with.")
@pass_frame
def approve(frame: Frame, *, plan_id: str, confirmation: str) -> None:
    """Approve a plan as a second person, where `second_approver = true` stands in [privacy].

    Whoever approves must be another user of the system than whoever applies, or another SUNLAKE_OPERATOR. Both are
    recorded in the ledger of deeds, as MACs. This keeps mistakes away, and nobody who means it.

    \b
    Example:
      sunlake erase approve --plan 3f8a2b1c --confirm ERASE-12
    """
    from pipeline.privacy.approve import approve as approve_plan
    from pipeline.privacy.desk import open_desk

    with open_desk(frame.settings()) as desk:
        batch = approve_plan(desk, plan_id, confirmation)
    click.echo(
        f"approved; now somebody else runs: sunlake erase apply --plan {batch.plan.plan_id[:12]} "
        f"--confirm {batch.plan.confirmation}"
    )


@click.command("abort")
@_plan_option
@pass_frame
def abort(frame: Frame, *, plan_id: str) -> None:
    """Take a plan or a batch back that has erased nothing yet.

    After a wrong input, a wrong app or a refused key: its people are let in again, unless another batch keeps them out,
    and the sealed file that names them is destroyed. Legal holds that it set, and what it ended, stay as they are. What
    has begun to erase or to copy can't be taken back.

    \b
    Example:
      sunlake erase abort --plan 3f8a2b1c
    """
    from pipeline.privacy.abort import abort as take_back
    from pipeline.privacy.desk import open_desk

    with open_desk(frame.settings()) as desk:
        done = take_back(desk, plan_id)
    click.echo(f"batch {done.batch_id}: taken back; {counted(done.let_in, 'identifier')} let in again")


@click.command("extend")
@click.argument("request_ref", metavar="REQUEST_REF")
@pass_frame
def extend(frame: Frame, *, request_ref: str) -> None:
    """Record that a person was told of two more months for their request, which is allowed within the first (Art. 12).

    \b
    Example:
      sunlake erase extend GDPR-0042
    """
    from pipeline.privacy.desk import open_desk
    from pipeline.privacy.extend import extend as extend_request

    with open_desk(frame.settings()) as desk:
        due = extend_request(desk, request_ref)
    click.echo(f"{request_ref} is due on {due:%Y-%m-%d} now; tell its person why before the first month is over")
