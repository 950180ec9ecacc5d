"""Takes a batch back that has erased nothing yet: its input was wrong, or the app or key that it needs.

Whom it put on the list of suppressions is let in again, unless another batch keeps them out, too (gdpr.md, section 6).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

from msgspec.structs import replace

from pipeline.errors import PlanRefusedError
from pipeline.privacy.closing import alone
from pipeline.privacy.deeds.words import Event, Status, Step
from pipeline.privacy.desk import Desk
from pipeline.privacy.requests.store import StoredBatch, find_plan
from pipeline.privacy.requests.work import destroy_work
from pipeline.suppression.listing import Entry, SuppressionList, append, load
from pipeline.suppression.subjects import Action, Kind

HARMLESS: Final = frozenset({Step.HOLD, Step.SUPPRESS, Step.KNOWN_GOOD})
"""Steps after which nothing is gone."""

Identifier: TypeAlias = tuple[str, Kind, str]


@dataclass(frozen=True, slots=True)
class Aborted:
    """A batch that was taken back, and how many identifiers it no longer keeps out."""

    batch_id: str
    let_in: int


def abort(desk: Desk, plan_id: str) -> Aborted:
    """Take a batch back. It may be repeated if it was cut.

    Args:
        desk: the desk.
        plan_id: the plan's id, or the first eight or more digits of it.

    Raises:
        PlanRefusedError: there is no such plan, it is closed, or something was erased or copied already.
        StorageError: the disk refused.
    """
    with alone(desk):
        batch = find_plan(desk.lake, plan_id)
        _refuse_begun(desk, batch)
        # First of all, so that nobody goes on with it, whatever becomes of this process.
        desk.deeds.append(batch.batch_id, Event.ABORT, status=Status.ABORTED)
        entries = list(taken_back(load(desk.lake), batch.batch_id))
        append(desk.lake, entries)
        let_in = sum(entry.action is Action.RELEASE for entry in entries)
        desk.deeds.append(batch.batch_id, Event.UNSUPPRESS, counts={"entries": let_in})
        destroy_work(desk, batch.batch_id)
    return Aborted(batch.batch_id, let_in)


def taken_back(listing: SuppressionList, batch_id: str) -> Iterator[Entry]:
    """What makes the list say what it says without the batch: what others asked for of the same identifier holds again.

    Args:
        listing: the list as it is.
        batch_id: the batch.
    """
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for entries in _standing(listing).values():
        if any(of_one and of_one[-1].batch == batch_id for of_one in entries):
            # A release takes one of the two back, a restriction first, and what is wanted comes again.
            now = [of_one[-1] for of_one in entries if of_one]
            yield from (replace(entry, action=Action.RELEASE, created=created, until=None) for entry in now)
            others = ([entry for entry in of_one if entry.batch != batch_id] for of_one in entries)
            yield from (replace(of_one[-1], created=created) for of_one in others if of_one)


def _refuse_begun(desk: Desk, batch: StoredBatch) -> None:
    if batch.state == "closed":
        raise PlanRefusedError("the batch is closed, and can't be taken back; see `sunlake erase status`")
    if {deed.step for deed in desk.deeds.read(batch.batch_id)} - HARMLESS - {None}:
        raise PlanRefusedError(
            "the batch has begun to erase or to copy, which nobody can take back; `sunlake erase apply` brings it to "
            "its end"
        )


def _standing(listing: SuppressionList) -> Mapping[Identifier, tuple[list[Entry], list[Entry]]]:
    """By identifier all entries since its last release, the last of which holds: what keeps out, and what restricts."""
    found: dict[Identifier, tuple[list[Entry], list[Entry]]] = defaultdict(lambda: ([], []))
    for entry in listing.entries:
        keeps_out, restricts = found[entry.app_id, entry.kind, entry.mac]
        if entry.action is Action.RELEASE:
            (restricts or keeps_out).clear()
        else:
            (restricts if entry.action is Action.RESTRICT else keeps_out).append(entry)
    return found
