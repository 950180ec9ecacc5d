"""What bots did on their own (metrics.md, section 4): among settled sessions with a user's and a bot's message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.sql.reference.conversations import Conversation
from tests.sql.reference.moments import HOUR
from tests.sql.reference.sessions import Session

RETURN_MS = 72 * HOUR


@dataclass(frozen=True)
class BotSession:
    """A session that a bot took part in, and how far it got alone."""

    conversation: Conversation
    session: Session
    is_handed_off: bool
    is_contained_loose: bool
    is_contained: bool
    is_deflected: bool


def bot_sessions(conversations: Sequence[Conversation]) -> list[BotSession]:
    """All sessions that count for rates of bots."""
    return [
        _judge(conversation, session, conversations)
        for conversation in conversations
        for session in conversation.sessions
        if session.settled and session.count("user") and session.count("bot")
    ]


def is_handed_off(conversation: Conversation, session: Session) -> bool:
    """Whether an agent spoke after a bot, or control was given to agents within the session."""
    kinds = [message.kind for message in session.messages]
    spoke = "bot" in kinds and "agent" in kinds[kinds.index("bot") :]
    start, end = session.messages[0].ms, session.closed_or_as_of_ms
    return spoke or any(start <= ms <= end for ms in conversation.handoffs)


def _judge(conversation: Conversation, session: Session, conversations: Sequence[Conversation]) -> BotSession:
    handed_off = is_handed_off(conversation, session)
    contained = not handed_off and session.last.kind != "user"
    return BotSession(
        conversation=conversation,
        session=session,
        is_handed_off=handed_off,
        is_contained_loose=not handed_off,
        is_contained=contained,
        is_deflected=contained and not _came_back(conversation, session, conversations),
    )


def _came_back(conversation: Conversation, session: Session, conversations: Sequence[Conversation]) -> bool:
    start, end = session.messages[0].ms, session.closed_or_as_of_ms
    return any(
        later is not session and start < later.messages[0].ms < end + RETURN_MS and later.count("agent") > 0
        for other in conversations
        if (other.app_id, other.user_key) == (conversation.app_id, conversation.user_key) and other.user_key
        for later in other.sessions
    )
