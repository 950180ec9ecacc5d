"""The last act of `sunlake demo --erase`: one real speaker is erased everywhere, and does not come back."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pipeline.errors import SunlakeError
from pipeline.privacy.wording import counted

if TYPE_CHECKING:
    from pipeline.cli.demo_folder import DemoFolder
    from pipeline.privacy.applied import Applied
    from pipeline.privacy.deeds.words import Step
    from pipeline.privacy.desk import Desk

HANDFUL: Final = 5
"""So many conversations at most: somebody who can be imagined, not a heavy user."""

_SPEAKERS: Final = f"""
    select author_user_id, count(distinct conversation_id), count(distinct message_id) as messages
    from messages
    where author_user_id is not null
    group by author_user_id
    having count(distinct conversation_id) between 2 and {HANDFUL}
    order by messages desc, author_user_id
    limit 1
"""


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who is erased. Their id is never shown."""

    user_id: str = field(repr=False)
    conversations: int
    messages: int


async def erase_speaker(place: DemoFolder) -> tuple[Speaker, Applied]:
    """Choose a speaker, plan, confirm and carry out their erasure, and look at all of it again.

    Raises:
        SunlakeError: nobody is left to choose, or a step of the erasure could not be done.
    """
    from pipeline.cli.erase import print_applied
    from pipeline.privacy.apply import carry_out
    from pipeline.privacy.desk import open_desk
    from pipeline.privacy.plan.confirm import confirm_plan
    from pipeline.privacy.plan.run import plan_batch
    from pipeline.privacy.plan.text import render_plan
    from pipeline.privacy.requests.batch import read_batch

    settings = place.settings()
    (app,) = settings.apps
    with open_desk(settings) as desk:
        speaker = _choose(desk, app.app_id)
        _write_request(place.requests, speaker)
        requests = read_batch(str(place.requests), app_ids=[app.app_id]).requests
        click.echo(f"\nA speaker asks to be erased: {_said(speaker)}. The plan:\n")
        stored = await plan_batch(desk, requests, source=str(place.requests))
        click.echo(render_plan(stored.plan, now=datetime.now(UTC)))
        click.echo(f"\nconfirmed with {stored.plan.confirmation}")
        batch = await confirm_plan(desk, stored.plan.plan_id, stored.plan.confirmation)
        applied = await carry_out(desk, batch.batch_id, remove_input=True, on_step=_show)
        print_applied(applied)
    return speaker, applied


def prove_absence(place: DemoFolder, speaker: Speaker) -> bool:
    """Show that the speaker is not back, though the seeds still name them; returns whether that is so.

    Raises:
        SunlakeError: it can't be found out.
    """
    from pipeline.privacy.desk import open_desk
    from pipeline.privacy.verify import verify_all

    settings = place.settings()
    with open_desk(settings) as desk:
        rows = _rows_of(desk, settings.apps[0].app_id, speaker)
        found = verify_all(desk)
    seeds = place.seeds.read_text("utf-8").splitlines()
    named = sum(speaker.user_id in line for line in seeds)
    click.echo(
        f"\n{place.seeds} names the speaker as before, in {named:,} of {len(seeds):,} rows. It stands for your CRM's "
        "extract,\nwhich lies outside what a scan looks at: mend it yourself. The new export read it and kept them out."
    )
    click.echo(f"messages of the speaker in the lake: {speaker.messages:,} before the erasure, {rows:,} now")
    state = "BROKEN" if found.problems else "whole"
    back = f"{counted(found.stored + found.computed, 'id')} of erased people in lake and models"
    click.echo(f"verify: {counted(found.deeds, 'deed')}, the ledger is {state}; {back}")
    return rows == 0 and found.exit_code == 0


def prepare(place: DemoFolder) -> None:
    """Make the keys, and let all temporary files of the demo's processes go where the scan can tell them from others'.

    Raises:
        StorageError: they can't be written.
    """
    import tempfile

    from pipeline.cli.erase import write_keys

    if not place.has_keys:
        write_keys(place.keys)
        click.echo(f"made the keys of erasure in {place.keys}")
    else:
        click.echo(f"the keys of erasure in {place.keys} are used again: who was erased before stays out")
    place.temporary.mkdir(mode=0o700, exist_ok=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(place.temporary.absolute())


def _choose(desk: Desk, app_id: str) -> Speaker:
    from pipeline.privacy.people.lake_view import open_view

    with open_view(desk.lake, desk.ledger, app_id) as view:
        found = list(view.rows(_SPEAKERS))
    if not found:
        raise SunlakeError(f"nobody with 2 to {HANDFUL} conversations is left to erase; begin anew with --fresh")
    return Speaker(*found[0])


def _rows_of(desk: Desk, app_id: str, speaker: Speaker) -> int:
    from pipeline.privacy.people.lake_view import open_view

    with open_view(desk.lake, desk.ledger, app_id) as view:
        view.put("wanted", {"user_id": [speaker.user_id]})
        ((count,),) = view.rows("select count(*) from messages where author_user_id in (select user_id from wanted)")
    return int(count)


def _write_request(file: Path, speaker: Speaker) -> None:
    request = {
        "request_ref": "DEMO-1",
        "user_id": speaker.user_id,
        "action": "erase",
        "received_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}+00:00",
        "verified_by": "demo",
        "reason_code": "request",
    }
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(request))
        writer.writeheader()
        writer.writerow(request)


def _said(speaker: Speaker) -> str:
    return f"{counted(speaker.conversations, 'conversation')}, {counted(speaker.messages, 'message')} of their own"


def _show(step: Step, sentence: str) -> None:
    click.echo(f"{step}: {sentence}")
