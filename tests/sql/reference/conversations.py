"""Everything known about one conversation, put together from its rows: the unit of all computation (rule R9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.sql.reference.control import (
    CLOSING_ACTIVITIES,
    Closer,
    ControlInterval,
    control_intervals,
    handoff_moments,
    is_with_agents,
    switchboard_closers,
)
from tests.sql.reference.deliveries import destinations
from tests.sql.reference.history import History, Row, inside, parsed
from tests.sql.reference.identity import Identities
from tests.sql.reference.live import live_rows
from tests.sql.reference.messages import Message, classify, first_association
from tests.sql.reference.moments import HOUR, local_date, to_ms
from tests.sql.reference.sessions import Session, finish, walk
from tests.sql.reference.settings import Settings

GROUP = "sdkGroup"


@dataclass
class Conversation:
    """One conversation, worked out; groups have no sessions unless they are included (rule R8)."""

    app_id: str
    conversation_id: str
    conversation_type: str | None
    created_ms: int | None
    user_key: str | None
    messages: list[Message]
    sessions: list[Session]
    handoffs: list[int]
    control: list[ControlInterval]
    with_agents: bool
    is_complete: bool
    left_truncated: bool
    as_of_ms: int | None

    @property
    def counted(self) -> list[Message]:
        """The messages that count."""
        return [message for message in self.messages if not message.is_left_out]

    @property
    def first_user(self) -> Message | None:
        """The first message of a user."""
        return next((message for message in self.counted if message.kind == "user"), None)

    def count(self, kind: str) -> int:
        """How many messages are of a kind."""
        return sum(message.kind == kind for message in self.counted)

    @property
    def lacks_its_start(self) -> bool:
        """Whether messages may be missing before those that are there."""
        return not self.is_complete or (self.left_truncated and bool(self.sessions))

    def started_ms(self) -> int | None:
        """When it was created, else its first message."""
        if self.created_ms is not None:
            return self.created_ms
        return self.messages[0].ms if self.messages else None


def conversations(history: History, identities: Identities) -> list[Conversation]:
    """All conversations of the history."""
    messages, participants, events = (
        _by_conversation(live_rows(history, table)) for table in ("messages", "participants", "events")
    )
    known = {(row["app_id"], row["conversation_id"]): row for row in live_rows(history, "conversations")}
    facts = _AppFacts(history)
    return [
        _conversation(
            place,
            row=known.get(place),
            messages=messages.get(place, []),
            participants=participants.get(place, []),
            events=events.get(place, []),
            facts=facts,
            identities=identities,
            settings=history.settings,
        )
        for place in sorted({*known, *messages})
    ]


class _AppFacts:
    def __init__(self, history: History) -> None:
        self.as_of = {row["app_id"]: row["as_of_ms"] for row in history.rows("app_as_of")}
        self.incomplete = {(row["app_id"], row["conversation_id"]) for row in history.rows("incomplete_conversations")}
        self.retains = {
            row["app_id"]
            for row in live_rows(history, "apps")
            if (inside(parsed(row.get("settings")), "conversationRetentionSeconds") or 0) > 0
        }


def _by_conversation(rows: Sequence[Row]) -> Mapping[tuple[str, str], list[Row]]:
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.get("conversation_id") is not None:
            found.setdefault((row["app_id"], row["conversation_id"]), []).append(row)
    return found


def _conversation(
    place: tuple[str, str],
    *,
    row: Row | None,
    messages: list[Row],
    participants: list[Row],
    events: list[Row],
    facts: _AppFacts,
    identities: Identities,
    settings: Settings,
) -> Conversation:
    app_id, conversation_id = place
    kind = row.get("type") if row else None
    created = row.get("created_at") if row else None
    created_ms = to_ms(created) if created else None
    ordered = classify(
        messages,
        settings=settings,
        identities=identities,
        destinations=destinations(events),
        primary_channel=first_association(participants),
    )
    is_complete = place not in facts.incomplete
    sessions = [] if kind == GROUP and not settings.include_groups else _sessions(ordered, events, settings)
    read_until = _read_until(ordered, facts.as_of.get(app_id) if is_complete else None)
    return Conversation(
        app_id=app_id,
        conversation_id=conversation_id,
        conversation_type=kind,
        created_ms=created_ms,
        user_key=None if kind == GROUP else _user_key(app_id, ordered, participants, identities),
        messages=ordered,
        sessions=sessions,
        handoffs=handoff_moments(events, settings),
        control=control_intervals(events),
        with_agents=is_with_agents(row, settings),
        is_complete=is_complete,
        left_truncated=not is_complete or (app_id in facts.retains and _starts_late(created_ms, ordered)),
        as_of_ms=None if read_until is None else finish(sessions, read_until, settings),
    )


def _sessions(ordered: list[Message], events: list[Row], settings: Settings) -> list[Session]:
    activities = [
        Closer(ms=message.ms, source_id=message.message_id, reason=message.activity_type)
        for message in ordered
        if message.activity_type in CLOSING_ACTIVITIES
    ]
    return walk(ordered, [*activities, *switchboard_closers(events, activities)], settings)


def _read_until(ordered: list[Message], app_as_of: int | None) -> int | None:
    moments = [message.ms for message in ordered]
    moments += [message.run_ms for message in ordered if message.run_ms is not None]
    moments += [] if app_as_of is None else [app_as_of]
    return max(moments, default=None)


def _starts_late(created_ms: int | None, ordered: list[Message]) -> bool:
    return created_ms is not None and bool(ordered) and ordered[0].ms - created_ms > HOUR


def _user_key(app_id: str, ordered: list[Message], participants: list[Row], identities: Identities) -> str | None:
    for message in ordered:
        if message.kind == "user":
            return message.user_key
    members = sorted(participants, key=lambda row: row["participant_id"])
    return identities.key(app_id, members[0]["user_id"]) if members else None


def day_of(ms: int, settings: Settings) -> object:
    """The local day of a moment."""
    return local_date(ms, settings.time_zone)
