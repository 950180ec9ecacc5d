"""Two more months for a request, of which its person was told within the first one (GDPR Art. 12(3))."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.errors import PlanRefusedError
from pipeline.privacy.deeds.words import Event
from pipeline.privacy.desk import Desk
from pipeline.privacy.report.of_batch import all_statuses
from pipeline.privacy.report.status import identity_of
from pipeline.privacy.requests.deadlines import Deadline, Urgency


def extend(desk: Desk, request_ref: str, *, now: datetime | None = None) -> datetime:
    """Record that somebody was told of the delay; returns the new deadline.

    Args:
        desk: the desk.
        request_ref: the request, as the batch names it; all open batches that have it are meant.
        now: the current moment, aware.

    Raises:
        PlanRefusedError: no batch has such an open request, it was extended already, or its first month is over.
    """
    moment = now or datetime.now(UTC)
    open_requests = [
        (status.batch_id, request)
        for status in all_statuses(desk, now=moment)
        for request in status.requests
        if request.request_ref == request_ref and request.urgency is not Urgency.MET and status.state != "aborted"
    ]
    if not open_requests:
        raise PlanRefusedError("no batch has an open request of this reference; `sunlake erase status` lists them")
    due = []
    for batch_id, request in open_requests:
        deadline = Deadline(datetime.fromisoformat(request.received_at), extended=request.is_extended)
        if not deadline.may_extend(moment):
            raise PlanRefusedError(
                "its deadline was extended already, and can't be a second time"
                if deadline.extended
                else "its first month is over, within which its person has to be told; it can't be extended any more"
            )
        desk.deeds.append(batch_id, Event.EXTEND, ref=request_ref)
        due.append(Deadline(deadline.received_at, extended=True).due_at)
    return min(due)


def keep_extensions(desk: Desk, batch_id: str) -> None:
    """Record for a new batch what was said of its requests when they stood in an earlier one."""
    statuses = all_statuses(desk)
    extended = {identity_of(request) for status in statuses for request in status.requests if request.is_extended}
    for status in statuses:
        for request in status.requests if status.batch_id == batch_id else ():
            if identity_of(request) in extended:
                desk.deeds.append(batch_id, Event.EXTEND, ref=request.request_ref)
