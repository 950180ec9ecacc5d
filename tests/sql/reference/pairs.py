"""Pairs: all that is measured between an arrival and its answer, by metric, scope and clock (section 3.5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from tests.sql.reference.blocks import Block, handoff, human_waits, turns, wait_status
from tests.sql.reference.business_hours import business_ms
from tests.sql.reference.conversations import Conversation
from tests.sql.reference.messages import BUSINESS, Message
from tests.sql.reference.moments import local_date
from tests.sql.reference.sessions import Session
from tests.sql.reference.settings import Schedule, Settings

SCOPES = {"any": BUSINESS, "human": ("agent",), "bot": ("bot",)}


@dataclass(frozen=True)
class Pair:
    """One arrival and its answer, on one clock.

    Args:
        from_ms: where the clock starts, which is the arrival but for hand-offs.
        value_ms: time to the answer; None without one.
        age_ms: time from the start to the end of the session, or as far as is known; None with an answer.
        state: answered, open or closed_unanswered.
    """

    app_id: str
    conversation_id: str
    session_id: str
    metric: str
    scope: str
    clock: str
    channel: str | None
    day: date
    arrived_ms: int
    from_ms: int
    value_ms: int | None
    age_ms: int | None
    state: str
    schedule: Schedule | None


def pairs(conversations: Iterable[Conversation], settings: Settings) -> list[Pair]:
    """All pairs of all conversations; on the business clock only those that a schedule applies to."""
    return [
        pair
        for conversation in conversations
        for session in conversation.sessions
        for measured in _measured(conversation, session)
        for pair in _on_clocks(conversation, session, measured, settings)
    ]


@dataclass(frozen=True)
class _Measured:
    metric: str
    scope: str
    channel: str | None
    arrived_ms: int
    from_ms: int
    answer_ms: int | None
    until_ms: int
    state: str


def _measured(conversation: Conversation, session: Session) -> Iterator[_Measured]:
    yield from _first_replies(conversation, session)
    for turn in turns(session):
        yield from _replies(turn)
    for wait in human_waits(session):
        if wait_status(wait, with_agents=conversation.with_agents) != "bot_only":
            start = handoff(wait, conversation.handoffs).ms
            yield _of_block(wait, "human_wait", "human", wait.first.ms)
            yield _of_block(wait, "human_handoff", "human", start)


def _first_replies(conversation: Conversation, session: Session) -> Iterator[_Measured]:
    if session.messages[0].kind != "user" or is_left_truncated(conversation, session):
        return
    first_user: Message = session.messages[0]
    for scope, kinds in SCOPES.items():
        reply = session.first_after_user(kinds)
        counts = scope == "any" or (reply is not None if scope == "bot" else is_human_wanted(conversation, session))
        if counts:
            unanswered = "open" if session.is_open else "closed_unanswered"
            yield _Measured(
                metric="frt",
                scope=scope,
                channel=first_channel(session),
                arrived_ms=first_user.ms,
                from_ms=first_user.ms,
                answer_ms=reply.ms if reply else None,
                until_ms=session.closed_or_as_of_ms,
                state="answered" if reply else unanswered,
            )


def _replies(turn: Block) -> Iterator[_Measured]:
    scopes = ["any"]
    if turn.reply and turn.reply.kind in ("agent", "bot"):
        scopes.append(turn.reply.kind)
    for scope in scopes:
        yield _of_block(turn, "reply", scope, turn.first.ms)
        if turn.number > 1:
            yield _of_block(turn, "next_reply", scope, turn.first.ms)


def _of_block(block: Block, metric: str, scope: str, from_ms: int) -> _Measured:
    return _Measured(
        metric=metric,
        scope=scope,
        channel=block.first.channel,
        arrived_ms=block.first.ms,
        from_ms=from_ms,
        answer_ms=block.reply.ms if block.reply else None,
        until_ms=block.until_ms,
        state=block.state,
    )


def _on_clocks(conversation: Conversation, session: Session, measured: _Measured, settings: Settings) -> Iterator[Pair]:
    schedule = settings.schedule_at(measured.channel, measured.arrived_ms)
    by_reply = settings.attribution == "reply" and measured.metric != "frt" and measured.answer_ms is not None
    shown_ms = measured.answer_ms if by_reply and measured.answer_ms is not None else measured.arrived_ms
    for clock in ("calendar", "business") if schedule else ("calendar",):
        until_ms = measured.until_ms if measured.answer_ms is None else measured.answer_ms
        spent = _elapsed(measured.from_ms, until_ms, clock, schedule)
        if spent is None:
            continue
        yield Pair(
            app_id=conversation.app_id,
            conversation_id=conversation.conversation_id,
            session_id=session.session_id,
            metric=measured.metric,
            scope=measured.scope,
            clock=clock,
            channel=measured.channel,
            day=local_date(shown_ms, settings.time_zone),
            arrived_ms=measured.arrived_ms,
            from_ms=measured.from_ms,
            value_ms=spent if measured.answer_ms is not None else None,
            age_ms=spent if measured.answer_ms is None else None,
            state=measured.state,
            schedule=schedule if clock == "business" else None,
        )


def _elapsed(from_ms: int, to_ms: int, clock: str, schedule: Schedule | None) -> int | None:
    return to_ms - from_ms if clock == "calendar" else business_ms(schedule, from_ms, to_ms)


def is_left_truncated(conversation: Conversation, session: Session) -> bool:
    """Whether the session's start is missing: only the first can lack it."""
    return conversation.left_truncated and session.number == 1


def is_human_wanted(conversation: Conversation, session: Session) -> bool:
    """Whether an agent answered, or someone waits for one."""
    answered = session.first_after_user(SCOPES["human"]) is not None
    statuses = (wait_status(wait, with_agents=conversation.with_agents) for wait in human_waits(session))
    return answered or "pending_human" in statuses


def first_channel(session: Session) -> str | None:
    """The channel of the first message of a user, else of the first message."""
    return (session.first_user or session.messages[0]).channel
