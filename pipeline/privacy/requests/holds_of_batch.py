"""The legal holds that a batch meets, sets or ends (gdpr.md, section 9)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from pipeline.privacy.deeds.words import Event
from pipeline.privacy.desk import Desk
from pipeline.privacy.requests.holds import Holds
from pipeline.privacy.requests.request import Request
from pipeline.privacy.rewrite.whole_batch import REWRITTEN
from pipeline.suppression.listing import entries_for, load, suppress
from pipeline.suppression.subjects import Action, Subject


def without_held(
    desk: Desk, subjects: Sequence[Subject], requests: Sequence[Request], *, batch: str
) -> tuple[list[Subject], list[Subject]]:
    """Set and end the holds that the batch asks for; returns who may be acted on, and who is held.

    Raises:
        CorruptLakeError: the list of holds is damaged, so nobody may be erased.
        PrivacyKeyError: a restriction is to be ended that was made with a key that is not given.
    """
    holds = Holds(desk.lake, desk.keyring)
    reasons = {request.request_ref: request.reason for request in requests}
    for subject in subjects:
        if subject.action is Action.HOLD:
            holds.hold(subject, basis=reasons[subject.request_refs[0]], batch=batch)
            desk.deeds.append(batch, Event.HOLD, tag=subject.tag)
        elif subject.action is Action.RELEASE:
            ended = holds.release(subject, batch=batch) + _end_restriction(desk, subject, batch=batch)
            desk.deeds.append(batch, Event.RELEASE, tag=subject.tag, counts={"holds": ended})
    free: list[Subject] = []
    held: list[Subject] = []
    for subject in subjects:
        (held if subject.action in REWRITTEN and holds.is_held(subject) else free).append(subject)
    return free, held


def _end_restriction(desk: Desk, subject: Subject, *, batch: str) -> int:
    """Let models see a restricted person again; returns how many identifiers. What an erasure keeps out stays out.

    The person may have been restricted with a key that is no longer the newest.
    """
    listing = load(desk.lake)
    restrictions = [entry for entry in listing.in_force(subject.app_id) if entry.action is Action.RESTRICT]
    known = {(entry.kind, entry.mac) for entry in restrictions}
    ended = [
        replace(entry, until=None)
        for key_id in sorted({entry.key_id for entry in restrictions})
        for entry in entries_for(subject, desk.keyring, batch=batch, until=datetime.now(UTC), key_id=key_id)
        if (entry.kind, entry.mac) in known
    ]
    return suppress(desk.lake, ended, known=listing)
