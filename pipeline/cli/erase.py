"""`sunlake erase`: people leave the lake, Sunshine Conversations and everything made of them, and it can be proven."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.erase_approval import abort, approve, extend
from pipeline.cli.erase_expire import command as expire
from pipeline.cli.erase_options import wait_option
from pipeline.cli.erase_proof import replay, status, verify
from pipeline.cli.erase_records import command as records
from pipeline.cli.frame import Frame, pass_frame
from pipeline.errors import StorageError
from pipeline.privacy.wording import counted, people

if TYPE_CHECKING:
    from pipeline.config import Settings
    from pipeline.privacy.applied import Applied
    from pipeline.privacy.deeds.words import Step
    from pipeline.privacy.requests.store import StoredBatch


@click.group("erase")
def command() -> None:
    """Erase people by batches of requests (GDPR), and prove it.

    \b
      sunlake erase keys --out /etc/sunlake        once: the keys that everything rests on
      sunlake erase plan requests.csv              what would go; nothing is changed
      sunlake erase apply --plan ID --confirm ERASE-12
      sunlake erase abort --plan ID                take it back, while nothing is erased
      sunlake erase status                         batches, deadlines, what is left
      sunlake erase verify                         is anybody back? is the ledger of deeds whole?
      sunlake erase replay                         after a backup was restored
      sunlake erase expire --older-than 24m        retention
      sunlake erase records                        what personal data is kept, and why (Art. 30)

    A lake may lie in a bucket (s3://bucket/prefix). Of everything below its prefix, apply and expire then remove all
    older versions, marks of deletion and unfinished uploads, whoever is in them; beside the prefix nothing is touched.
    The key needs, besides the rights of an export: s3:GetBucketVersioning, ListBucketVersions, GetObjectVersion and
    DeleteObjectVersion. Object lock, legal holds and MFA delete end a plan. Replicas and backups of the bucket are not
    reached. What names people or proves deeds (keys, requests, deeds) stays in the state folder of this machine.

    Nobody is named in what these commands print or keep: people are tags, and requests their request_ref.
    """


@command.command("keys")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="FOLDER",
    help="Where the two key files go; keep deeds.key elsewhere afterwards.",
)
def keys(out: Path) -> None:
    """Make the keys that erasure needs, as files that only you can read.

    privacy.key makes the MACs by which erased people are kept out: without it nothing can be exported any more, so back
    it up. deeds.key signs the ledger of deeds; kept elsewhere, it makes forging the ledger impossible even for somebody
    who holds the lake.

    \b
    Example:
      sunlake erase keys --out ~/.config/sunlake
      export SUNLAKE_PRIVACY_KEY_FILE=~/.config/sunlake/privacy.key SUNLAKE_DEEDS_KEY_FILE=~/.config/sunlake/deeds.key
    """
    write_keys(out)
    folder = out.absolute()
    click.echo("Made two keys. Tell sunlake where they are, and keep a copy of privacy.key in a safe place:\n")
    click.echo(f"  export SUNLAKE_PRIVACY_KEY_FILE={folder / 'privacy.key'}")
    click.echo(f"  export SUNLAKE_DEEDS_KEY_FILE={folder / 'deeds.key'}")


@command.command("plan")
@click.argument("batch", metavar="BATCH")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
@click.option(
    "--offline",
    is_flag=True,
    help="Look into the lake only; upstream is asked before the plan is applied, and may contradict it.",
)
@click.option("--include-linked", is_flag=True, help="Take users who share an address or a number for the same person.")
@click.option("--override-retained", is_flag=True, help="Act on users that Zendesk is told to retain.")
@click.option("--override-limit", is_flag=True, help="Allow more people than is usually no mistake.")
@pass_frame
def plan(
    frame: Frame,
    batch: str,
    *,
    as_json: bool,
    offline: bool,
    include_linked: bool,
    override_retained: bool,
    override_limit: bool,
) -> None:
    """Say what a batch would do. Nothing upstream and nothing in the lake is changed.

    On a lake in a bucket it is made sure that older versions can be removed, with an object that nobody reads, and said
    how many there are: all of them go, not only those of the people in the batch.

    It ends with what to type to carry it out, ERASE-n: n people are erased or cleared. Whoever was not found is not
    among them, and is kept out of the lake.

    BATCH is a file (.csv, .jsonl, .parquet) or a SELECT for DuckDB, a request a row:

    \b
      request_ref   your ticket or case number, unique
      user_id | external_id (+ brand_id) | email | client_external_id + integration_id      exactly one
      action        erase, pii_only, access, restrict, suppress, hold, release
      received_at   when it was received, with an offset: 2026-11-02T09:00:00+01:00
      verified_by   who verified that the person is the person
      reason_code   request, not_needed, consent_withdrawn, objection, unlawful, legal_obligation, child, access,
                    portability, accuracy, legal_duty, legal_claims, public_interest, hold_ended
      app_id        where several apps are configured

    \b
    Examples:
      sunlake erase plan requests.csv
      sunlake erase plan "select ticket as request_ref, 'erase' as action, ... from 'crm.parquet'"
    """
    stored = asyncio.run(
        _plan(
            frame.settings(),
            batch,
            online=not offline,
            include_linked=include_linked,
            override_retained=override_retained,
            override_limit=override_limit,
        )
    )
    _print_plan(stored, as_json=as_json)


@command.command("apply")
@click.option("--plan", "plan_id", required=True, metavar="ID", help="The plan's id, or its first digits.")
@click.option("--confirm", "confirmation", required=True, metavar="ERASE-N", help="What the plan ends with.")
@click.option("--remove-input", is_flag=True, help="Delete the file of requests: it still names everybody.")
@wait_option
@pass_frame
def apply(frame: Frame, *, plan_id: str, confirmation: str, remove_input: bool, wait_seconds: float) -> int:
    """Carry out a plan: upstream, in the lake, in all that was made of it; then look for what is left.

    It may be killed at any instant; the same command goes on where it stopped. A plan that could be carried out only in
    part (a server that does not answer, a deletion that is not visible yet) is never called done: exit code 3, and the
    same command tries again.

    The scan at the end reads all that sunlake writes: the lake with its models and temporary files, copies for people,
    Prefect's home, the file of requests, and what TMPDIR names if you set it. Without TMPDIR nothing of sunlake's is in
    the system's folder of temporary files. Where somebody is found outside the lake, the message names the file. A
    query that still runs keeps its temporary files; the batch waits for it, and stays open if it does not end.

    \b
    Example:
      sunlake erase apply --plan 3f8a2b1c --confirm ERASE-12
    """
    applied = asyncio.run(_apply(frame, plan_id, confirmation, remove_input=remove_input, wait_seconds=wait_seconds))
    print_applied(applied)
    if remove_input and not applied.had_file:
        click.echo("the requests came from a query: what it read names everybody still, and is yours to mend", err=True)
    return applied.exit_code


command.add_command(approve)
command.add_command(abort)
command.add_command(extend)
command.add_command(status)
command.add_command(verify)
command.add_command(replay)
command.add_command(expire, "expire")
command.add_command(records)


def write_keys(out: Path) -> None:
    """Make privacy.key and deeds.key in a folder, for the eyes of its owner only.

    Raises:
        StorageError: they can't be written, or are there already.
    """
    from pipeline.suppression.keys import new_key_text

    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, prefix in (("privacy.key", "p"), ("deeds.key", "d")):
            path = out / name
            path.touch(mode=0o600, exist_ok=False)
            path.write_text(new_key_text(prefix) + "\n", "ascii")
    except FileExistsError:
        message = f"{out} holds keys already; they are never overwritten, since a lake may rest on them"
        raise StorageError(message) from None
    except OSError as error:
        raise StorageError(f"the keys can't be written to {out}: {error.strerror}") from None


def print_applied(applied: Applied) -> None:
    """Say what became of a batch."""
    lake = applied.lake
    calls = sum(sum(result.calls.values()) for result in applied.upstream.values())
    rows = sum(lake.removed.values())
    if applied.is_only_closed:
        click.echo(f"batch {applied.batch_id}: all was done already, when its process was killed; now it is closed")
        _print_end(applied)
        return
    click.echo(
        f"batch {applied.batch_id}: {people(len(applied.subjects))}; {counted(calls, 'call')} upstream; "
        f"{counted(rows, 'row')} removed and {sum(lake.changed.values()):,} changed in {counted(lake.touched, 'file')}"
    )
    if not lake.older.is_empty:
        click.echo(f"removed from the store for good: {lake.older.words}")
    if applied.models is not None:
        click.echo(f"{counted(applied.models, 'model')} built anew")
    _print_end(applied)


def _print_end(applied: Applied) -> None:
    scan = applied.scan
    if scan is not None:
        click.echo(
            f"scan: {scan.verdict}; {counted(scan.files, 'file')}, {scan.bytes / 1e6:,.1f} MB, "
            f"{counted(sum(scan.needles.values()), 'needle')}, {counted(scan.residual, 'trace')}"
        )
    for problem in applied.problems:
        click.echo(f"open: {problem}", err=True)
    for words in applied.left_out:
        click.echo(f"left out: {words}", err=True)
    click.echo(f"{applied.status}; the report: {applied.report}" if applied.report else str(applied.status))


async def _plan(
    settings: Settings,
    source: str,
    *,
    online: bool,
    include_linked: bool,
    override_retained: bool,
    override_limit: bool,
) -> StoredBatch:
    from pipeline.privacy.desk import open_desk
    from pipeline.privacy.plan.run import plan_batch
    from pipeline.privacy.requests.batch import read_batch

    app_ids = [app.app_id for app in settings.apps]
    batch = read_batch(source, app_ids=app_ids, max_requests=settings.privacy.max_requests)
    with open_desk(settings) as desk:
        return await plan_batch(
            desk,
            batch.requests,
            source=source,
            online=online,
            include_linked=include_linked,
            override_retained=override_retained,
            override_limit=override_limit,
        )


def _print_plan(stored: StoredBatch, *, as_json: bool) -> None:
    from datetime import UTC, datetime

    from pipeline.privacy.plan.form import encode_plan
    from pipeline.privacy.plan.text import render_plan

    if as_json:
        click.echo(encode_plan(stored.plan), nl=False)
        return
    click.echo(render_plan(stored.plan, now=datetime.now(UTC)))


async def _apply(frame: Frame, plan_id: str, confirmation: str, *, remove_input: bool, wait_seconds: float) -> Applied:
    from pipeline.privacy.apply import carry_out
    from pipeline.privacy.desk import open_desk
    from pipeline.privacy.plan.confirm import confirm_plan

    def show(step: Step, sentence: str) -> None:
        click.echo(f"{step}: {sentence}", err=True)

    with open_desk(frame.settings()) as desk:
        batch = await confirm_plan(desk, plan_id, confirmation)
        return await carry_out(desk, batch.batch_id, remove_input=remove_input, wait_seconds=wait_seconds, on_step=show)
