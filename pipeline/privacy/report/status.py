"""What an officer asks of a batch: how far each request has come, until when it must be, what is left, what failed.

Told from the plan and the ledger of deeds alone; there is no other state to be in contradiction with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from pipeline.privacy.deeds.deed import Deed
from pipeline.privacy.deeds.words import FINISHED, Event, Status, Step
from pipeline.privacy.requests.deadlines import Deadline, Urgency, urgency_at

_UNTOUCHED: Final = frozenset({"held", "ambiguous", "retained_flag", "not_found"})
_WORST_FIRST: Final = (
    (frozenset({Status.FATAL, Status.FAILED, Status.REFUSED, Status.VOID, Status.RESIDUAL}), "failed"),
    (frozenset({Status.FAILED_RETRYABLE, Status.INCOMPLETE}), "retryable"),
    (frozenset({Status.PENDING, Status.UPSTREAM_PENDING}), "pending"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A step that is not done: how it ended last, None where its end was never recorded."""

    step: Step
    status: Status | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStatus:
    """How far one request has come. Times are ISO texts as in the plan; `finished_at` is that of the last deed for it.

    `outcome` is "complete", "failed", "retryable", "pending", "running" or "planned", or the plan's own state where
    nothing is done: "held", "ambiguous", "retained_flag", "not_found". Who was not found is kept out all the same, and
    the request is met by that. `is_extended` says that the person was told of two more months.
    """

    request_ref: str
    tag: str | None
    action: str
    state: str
    outcome: str
    received_at: str
    due_at: str
    is_extended: bool
    urgency: Urgency
    finished_at: str | None
    left: tuple[Open, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStatus:
    """How far a batch has come: "planned", "running", "aborted", "partial" or "complete"; `left` are its own steps."""

    batch_id: str
    plan_id: str
    created_at: str
    state: str
    requests: tuple[RequestStatus, ...]
    left: tuple[Open, ...]

    @property
    def outcomes(self) -> dict[str, int]:
        """How many requests have come how far."""
        return dict(sorted(Counter(request.outcome for request in self.requests).items()))

    @property
    def warnings(self) -> tuple[RequestStatus, ...]:
        """Requests that are overdue or due within seven days, the most pressing first; none of what was taken back."""
        if self.state == "aborted":
            return ()
        pressing = (each for each in self.requests if each.urgency in {Urgency.OVERDUE, Urgency.DUE_SOON})
        return tuple(sorted(pressing, key=lambda request: (request.due_at, request.request_ref)))


def met_elsewhere(statuses: Sequence[BatchStatus]) -> list[BatchStatus]:
    """The batches, in which nothing presses of a request that another one has met: it was planned more than once."""
    met = {identity_of(request) for status in statuses for request in status.requests if request.urgency is Urgency.MET}
    return [
        replace(
            status,
            requests=tuple(
                replace(request, urgency=Urgency.MET) if identity_of(request) in met else request
                for request in status.requests
            ),
        )
        for status in statuses
    ]


def identity_of(request: RequestStatus) -> tuple[str, str, str]:
    """The same request in whatever batch; a number may be used again, but hardly with the same moment."""
    return request.request_ref, request.action, request.received_at


def batch_status(plan: Mapping[str, Any], deeds: Iterable[Deed], *, now: datetime | None = None) -> BatchStatus:
    """How far a batch has come.

    Args:
        plan: the content of plan.json: plan_id, batch_id, created_at, requests.
        deeds: those of this batch, oldest first.
        now: an aware moment to measure deadlines against, by default this one.
    """
    moment = datetime.now(UTC) if now is None else now
    last: dict[tuple[str | None, Step], Deed] = {}
    begun, closed, extended = False, None, set[str | None]()
    for deed in deeds:
        if deed.event is Event.EXTEND:
            extended.add(deed.ref)
        begun = begun or deed.event in {Event.CONFIRM, Event.SUPPRESS, Event.BEGIN}
        if deed.step is not None and deed.event in {Event.BEGIN, Event.REPEAT, Event.END}:
            last[deed.tag, deed.step] = deed
        if deed.event in {Event.CLOSE, Event.ABORT} and deed.tag is None:
            closed = deed
    tags = {request.get("tag") for request in plan["requests"]} - {None}
    own = tuple(_open(deed) for (tag, _), deed in last.items() if tag not in tags and not _is_done(deed))
    state = _state(begun=begun, closed=closed)
    requests = tuple(
        _request(each, last, state, moment, is_extended=each["request_ref"] in extended) for each in plan["requests"]
    )
    return BatchStatus(
        batch_id=plan["batch_id"],
        plan_id=plan["plan_id"],
        created_at=plan["created_at"],
        state=state,
        requests=requests,
        left=own,
    )


def _request(
    request: Mapping[str, Any],
    last: Mapping[tuple[str | None, Step], Deed],
    batch: str,
    now: datetime,
    *,
    is_extended: bool,
) -> RequestStatus:
    tag = request.get("tag")
    deeds = [deed for (owner, _), deed in last.items() if tag is not None and owner == tag]
    left = tuple(_open(deed) for deed in deeds if not _is_done(deed))
    outcome = _outcome(str(request["state"]), deeds, left, batch)
    due_at = _aware(request["due_at"])
    if is_extended:
        due_at = Deadline(_aware(request["received_at"]), extended=True).due_at
    is_met = outcome == "complete" or _is_closed_unfound(deeds)
    return RequestStatus(
        request_ref=request["request_ref"],
        tag=tag,
        action=request["action"],
        state=request["state"],
        outcome=outcome,
        received_at=request["received_at"],
        due_at=due_at.isoformat(),
        is_extended=is_extended,
        urgency=Urgency.MET if is_met else urgency_at(now, due_at=due_at),
        finished_at=max((deed.ts for deed in deeds), default=None),
        left=left,
    )


def _outcome(state: str, deeds: Sequence[Deed], left: Sequence[Open], batch: str) -> str:
    if state in _UNTOUCHED and (not deeds or _is_closed_unfound(deeds)):
        return state
    statuses = {each.status for each in left}
    for bad, word in _WORST_FIRST:
        if statuses & bad:
            return word
    is_closed = any(deed.step is Step.CLOSE and _is_done(deed) for deed in deeds)
    if not left and (is_closed or batch == "complete"):
        return "complete"
    if any(deed.status is Status.HELD for deed in deeds):
        return "held"
    if batch in {"planned", "aborted"}:
        return batch
    return "running"


def _is_closed_unfound(deeds: Sequence[Deed]) -> bool:
    """Whether the batch was carried out and there was nothing of the person to be erased."""
    return any(deed.step is Step.CLOSE and deed.status is Status.SKIPPED for deed in deeds)


def _state(*, begun: bool, closed: Deed | None) -> str:
    if closed is not None:
        if closed.event is Event.ABORT:
            return "aborted"
        return "complete" if closed.status in FINISHED else "partial"
    return "running" if begun else "planned"


def _aware(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _is_done(deed: Deed) -> bool:
    return deed.event is Event.END and deed.status in FINISHED


def _open(deed: Deed) -> Open:
    assert deed.step is not None
    return Open(step=deed.step, status=deed.status if deed.event is Event.END else None)
