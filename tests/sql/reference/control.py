"""Who has control of a conversation, by switchboard events and the last snapshot (metrics.md, sections 3.2 to 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.sql.reference.history import Row, inside, parsed
from tests.sql.reference.moments import MINUTE, to_ms
from tests.sql.reference.settings import Settings

CLOSING_REASONS = {"ticketClosed": "ticket:closed", "transferToEmail": "ticket:transfer:email"}
CLOSING_ACTIVITIES = ("ticket:closed", "conversation:endedByUser", "ticket:transfer:email")

_OFFER, _PASS = "switchboard:offerControl", "switchboard:passControl"
_ACCEPT, _RELEASE = "switchboard:acceptControl", "switchboard:releaseControl"


@dataclass(frozen=True)
class Closer:
    """Something that ends a session: an activity, or an event in its place."""

    ms: int
    source_id: str
    reason: str


@dataclass(frozen=True)
class ControlInterval:
    """A switchboard integration in control; `to_ms` is None while it still is."""

    integration_id: str
    integration_type: str | None
    from_ms: int
    to_ms: int | None


def switchboard_closers(events: Sequence[Row], activities: Sequence[Closer]) -> list[Closer]:
    """Control passed or released because a ticket was closed, with no activity within a minute that says so."""
    found = []
    for row in events:
        reason = CLOSING_REASONS.get(inside(parsed(row.get("payload")), "reason") or "")
        if row["type"] not in (_PASS, _RELEASE) or reason is None:
            continue
        ms = to_ms(row["created_at"])
        if all(abs(activity.ms - ms) > MINUTE for activity in activities):
            found.append(Closer(ms=ms, source_id=row["event_id"], reason=reason))
    return found


def handoff_moments(events: Sequence[Row], settings: Settings) -> list[int]:
    """When control was offered or passed to agents, in order."""
    fields = {_OFFER: "pendingSwitchboardIntegration", _PASS: "activeSwitchboardIntegration"}
    return sorted(
        to_ms(row["created_at"])
        for row in events
        if row["type"] in fields
        and inside(parsed(row.get("payload")), "conversation", fields[row["type"]], "integrationType")
        in settings.agent_integration_types
    )


def is_with_agents(conversation: Row | None, settings: Settings) -> bool:
    """Whether the switchboard integration in control is an agent's, by the conversation's newest snapshot."""
    active = parsed(conversation.get("active_switchboard_integration")) if conversation else None
    return inside(active, "integrationType") in settings.agent_integration_types


def control_intervals(events: Sequence[Row]) -> list[ControlInterval]:
    """The intervals that webhooks tell of: each event that changes control ends what was before."""
    changes = sorted(
        (row for row in events if row["type"] in (_ACCEPT, _PASS, _RELEASE)),
        key=lambda row: (to_ms(row["created_at"]), row["event_id"]),
    )
    found = []
    for position, row in enumerate(changes):
        following = next(iter(changes[position + 1 :]), None)
        active = inside(parsed(row.get("payload")), "conversation", "activeSwitchboardIntegration")
        if row["type"] != _RELEASE and inside(active, "id"):
            found.append(
                ControlInterval(
                    integration_id=active["id"],
                    integration_type=active.get("integrationType"),
                    from_ms=to_ms(row["created_at"]),
                    to_ms=to_ms(following["created_at"]) if following else None,
                )
            )
    return found
