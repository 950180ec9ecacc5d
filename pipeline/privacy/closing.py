"""One batch at a time, and the end of one whose process was killed while it closed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from pipeline.errors import LockedError
from pipeline.lake.lock import flocked
from pipeline.privacy.applied import Applied
from pipeline.privacy.deeds.words import Event
from pipeline.privacy.desk import Desk
from pipeline.privacy.plan.refused import refused
from pipeline.privacy.report.of_batch import write_report
from pipeline.privacy.requests.store import load_batch
from pipeline.privacy.requests.work import destroy_work
from pipeline.privacy.scan.saved import saved_scan


@contextmanager
def alone(desk: Desk) -> Iterator[None]:
    """Only one batch of a lake is carried out at a time: two would purge and scan what the other still writes."""
    with ExitStack() as stack:
        try:
            stack.enter_context(flocked(desk.lake.private / "locks" / "erase.lock", exclusive=True, wait_seconds=0))
        except LockedError:
            raise LockedError(
                "another `sunlake erase apply` is at work on this lake; try again when it is done"
            ) from None
        yield


def finish(desk: Desk, batch_id: str) -> Applied:
    """Go on with the closing of a batch of which all was done when its process was killed."""
    desk.deeds.append(batch_id, Event.RESUME)
    destroy_work(desk, batch_id)
    applied = Applied(
        batch_id,
        is_only_closed=True,
        scan=saved_scan(desk, batch_id),
        left_out=refused(load_batch(desk.lake, batch_id).plan),
    )
    desk.deeds.append(batch_id, Event.CLOSE, status=applied.status)
    applied.report = write_report(desk, batch_id, scan=applied.scan)
    return applied
