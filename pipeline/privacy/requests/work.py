"""Whom a confirmed batch is about: read from its sealed file, and sealed again when more is known of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from pipeline.errors import PlanRefusedError
from pipeline.privacy.deeds.words import Event, Status, Step
from pipeline.privacy.desk import Desk
from pipeline.privacy.plan.life import is_old
from pipeline.privacy.plan.refused import refused
from pipeline.privacy.requests import work_file
from pipeline.privacy.requests.request import Request
from pipeline.privacy.requests.store import StoredBatch, encode_work, list_batches, load_batch, open_work
from pipeline.suppression.subjects import Subject


@dataclass(frozen=True, slots=True)
class Work:
    """The requests, the people as they are known now, and where the requests came from (a file, or None).

    `left_out` says what to do for the requests that the plan refused.
    """

    requests: tuple[Request, ...] = field(repr=False)
    subjects: tuple[Subject, ...] = field(repr=False)
    source: str | None = field(default=None, repr=False)
    left_out: tuple[str, ...] = ()

    def with_subjects(self, subjects: Sequence[Subject]) -> Work:
        """The same with other subjects."""
        return replace(self, subjects=tuple(subjects))


def load_work(desk: Desk, batch_id: str) -> Work:
    """The work of a batch that was confirmed.

    Raises:
        PlanRefusedError: there is no such batch, it was not confirmed, or it is closed.
        WorkFileError: its work file was altered, or sealed under another key.
    """
    batch = load_batch(desk.lake, batch_id)
    if batch.state == "closed":
        raise PlanRefusedError("the batch is closed, nothing in it is left to be done; see `sunlake erase status`")
    if is_aborted(desk, batch_id):
        raise PlanRefusedError("the batch was taken back; plan it anew")
    if not is_confirmed(desk, batch):
        raise PlanRefusedError("the batch was not confirmed; run `sunlake erase apply --plan ID --confirm ERASE-n`")
    requests, subjects, source = open_work(batch, wrapping_key=desk.keyring.subkey("work"))
    return Work(tuple(requests), tuple(subjects), source, left_out=tuple(refused(batch.plan)))


def save_work(desk: Desk, batch_id: str, work: Work) -> None:
    """Seal the work again, durably; the file that was there stays until the new one is whole."""
    batch = load_batch(desk.lake, batch_id)
    content = encode_work(work.requests, work.subjects, work.source)
    work_file.reseal(batch.folder, content, wrapping_key=desk.keyring.subkey("work"))


def destroy_work(desk: Desk, batch_id: str) -> None:
    """Destroy the work file: from now on nobody can tell whom the batch was about."""
    work_file.destroy(load_batch(desk.lake, batch_id).folder)
    desk.deeds.append(batch_id, Event.WORK_DESTROYED)


def is_confirmed(desk: Desk, batch: StoredBatch) -> bool:
    """Whether somebody confirmed the batch's plan."""
    return any(deed.event is Event.CONFIRM for deed in desk.deeds.read(batch.batch_id))


def is_aborted(desk: Desk, batch_id: str) -> bool:
    """Whether the batch was taken back (`abort.abort`)."""
    return any(deed.event is Event.ABORT for deed in desk.deeds.read(batch_id))


def forget_dead(desk: Desk) -> None:
    """Destroy the work files of plans that can't be confirmed any more: they name people for nothing."""
    now, hours = datetime.now(UTC), desk.settings.privacy.plan_hours
    for batch in list_batches(desk.lake):
        if batch.state == "planned" and is_old(batch.plan, hours=hours, now=now) and not is_confirmed(desk, batch):
            destroy_work(desk, batch.batch_id)


def is_closing(desk: Desk, batch_id: str) -> bool:
    """Whether all of a batch was done, and its process was killed before the last report was written."""
    done = reported = False
    for deed in desk.deeds.read(batch_id):
        if deed.event is Event.END and deed.step is Step.CLOSE and deed.tag is None:
            done = deed.status is Status.COMPLETE or deed.counts.get("open") == 0
        elif deed.event is Event.END and deed.step is Step.REPORT:
            reported = done
    return done and not reported
