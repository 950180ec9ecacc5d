"""The legal holds that a batch meets, sets or ends (gdpr.md, section 9)."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.privacy.desk import Desk
from pipeline.privacy.holds import Holds
from pipeline.privacy.lake_batch import REWRITTEN
from pipeline.privacy.request import Request
from pipeline.privacy.words import Event
from pipeline.suppression.subjects import Action, Subject


def without_held(
    desk: Desk, subjects: Sequence[Subject], requests: Sequence[Request], *, batch: str
) -> tuple[list[Subject], list[Subject]]:
    """Set and end the holds that the batch asks for; returns who may be acted on, and who is held.

    Raises:
        CorruptLakeError: the list of holds is damaged, so nobody may be erased.
    """
    holds = Holds(desk.lake, desk.keyring)
    reasons = {request.request_ref: request.reason for request in requests}
    for subject in subjects:
        if subject.action is Action.HOLD:
            holds.hold(subject, basis=reasons[subject.request_refs[0]], batch=batch)
            desk.deeds.append(batch, Event.HOLD, tag=subject.tag)
        elif subject.action is Action.RELEASE:
            ended = holds.release(subject, batch=batch)
            desk.deeds.append(batch, Event.RELEASE, tag=subject.tag, counts={"holds": ended})
    free: list[Subject] = []
    held: list[Subject] = []
    for subject in subjects:
        (held if subject.action in REWRITTEN and holds.is_held(subject) else free).append(subject)
    return free, held
