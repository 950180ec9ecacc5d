"""Sessions (metrics.md, section 3.2): a conversation's eligible messages, cut by closing activities and by silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.sql.reference.control import Closer
from tests.sql.reference.messages import BUSINESS, Message
from tests.sql.reference.settings import Settings


@dataclass
class Session:
    """Consecutive eligible messages.

    Args:
        number: from 1 in the conversation.
        messages: its messages, at least one.
        end_reason: the closing activity's type, `inactivity` or `open`.
        ended_ms: when it ended; None while it is open.
        settled: whether no later message can be part of it.
        as_of_ms: the moment up to which it is known.
    """

    number: int
    messages: list[Message] = field(default_factory=list)
    end_reason: str = "open"
    ended_ms: int | None = None
    settled: bool = False
    as_of_ms: int = 0

    @property
    def session_id(self) -> str:
        """Id of the conversation, and of the first message (rule R9)."""
        return f"{self.messages[0].conversation_id}:{self.messages[0].message_id}"

    @property
    def last(self) -> Message:
        """The last message."""
        return self.messages[-1]

    @property
    def is_open(self) -> bool:
        """Whether it may go on."""
        return self.end_reason == "open"

    @property
    def is_closed_by_activity(self) -> bool:
        """Whether something other than silence ended it."""
        return self.end_reason not in ("open", "inactivity")

    @property
    def first_user(self) -> Message | None:
        """The first message of a user."""
        return next((message for message in self.messages if message.kind == "user"), None)

    @property
    def closed_or_as_of_ms(self) -> int:
        """The end, or the moment up to which an open session is known."""
        return self.as_of_ms if self.ended_ms is None else self.ended_ms

    def first_after_user(self, kinds: Sequence[str]) -> Message | None:
        """The first message of some kinds behind the first one of a user."""
        first_user = self.first_user
        behind = self.messages[self.messages.index(first_user) + 1 :] if first_user else []
        return next((message for message in behind if message.kind in kinds), None)

    def count(self, kind: str) -> int:
        """How many messages are of a kind."""
        return sum(message.kind == kind for message in self.messages)


def walk(messages: Sequence[Message], closers: Sequence[Closer], settings: Settings) -> list[Session]:
    """Cut the eligible messages of one conversation into sessions, the last of which seems open."""
    sessions: list[Session] = []
    current: Session | None = None
    steps: list[tuple[int, int, bytes, Message | Closer]] = [
        (message.ms, 0, message.message_id.encode(), message) for message in messages if message.is_eligible
    ]
    steps += [(closer.ms, 0, closer.source_id.encode(), closer) for closer in closers]
    for _, _, _, step in sorted(steps, key=lambda step: step[:3]):
        if isinstance(step, Closer):
            if current is not None:
                current.end_reason, current.ended_ms = step.reason, step.ms
            current = None
            continue
        if current is not None and step.ms - current.last.ms > gap_between(current.last, step, settings):
            current.end_reason = "inactivity"
            current.ended_ms = inactive_from(current.last, step, settings)
            current = None
        if current is None:
            current = Session(number=len(sessions) + 1)
            sessions.append(current)
        current.messages.append(step)
    return sessions


def gap_between(previous: Message, following: Message, settings: Settings) -> int:
    """The longest silence between two messages that keeps them in one session (boundary B2)."""
    gap = settings.gap_of(previous.channel)
    return gap.late_answer_ms if previous.kind == "user" and following.kind in BUSINESS else gap.gap_ms


def inactive_from(previous: Message, following: Message, settings: Settings) -> int:
    """When a session ended that the next message found inactive: an end that was reached before it stays."""
    if following.ms - previous.ms > late_limit(previous, settings) and previous.kind == "user":
        return previous.ms + late_limit(previous, settings)
    return previous.ms + gap_between(previous, following, settings)


def late_limit(message: Message, settings: Settings) -> int:
    """How long a last message may stay unanswered before its session is settled."""
    return settings.gap_of(message.channel).late_answer_ms


def finish(sessions: Sequence[Session], read_until_ms: int, settings: Settings) -> int:
    """Close what is inactive (boundary B3), settle what is settled, and return the conversation's moment (rule R7).

    Args:
        sessions: of one conversation, from `walk`.
        read_until_ms: up to when the conversation was read.
        settings: the settings.
    """
    as_of_ms = read_until_ms
    if sessions:
        _close_if_inactive(sessions[-1], read_until_ms, settings)
        settled_ms = _settled_ms(sessions[-1], read_until_ms, settings)
        as_of_ms = read_until_ms if settled_ms is None else settled_ms
    for session in sessions:
        settled_ms = _settled_ms(session, read_until_ms, settings)
        session.settled = settled_ms is not None
        session.as_of_ms = as_of_ms if settled_ms is None else settled_ms
    return as_of_ms


def _close_if_inactive(session: Session, as_of_ms: int, settings: Settings) -> None:
    last = session.last
    gap = settings.gap_of(last.channel)
    limit = gap.late_answer_ms if last.kind == "user" else gap.gap_ms
    if session.is_open and as_of_ms - last.ms > limit:
        session.end_reason, session.ended_ms = "inactivity", last.ms + limit


def _settled_ms(session: Session, as_of_ms: int, settings: Settings) -> int | None:
    if session.is_closed_by_activity:
        return session.ended_ms
    limit = late_limit(session.last, settings)
    return session.last.ms + limit + 1 if as_of_ms - session.last.ms > limit else None
