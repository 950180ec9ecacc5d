"""Blocks of messages of a user: turns, which any answer closes, and waits, which only an agent ends (3.3 and 3.4)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from tests.sql.reference.messages import BUSINESS, Message
from tests.sql.reference.sessions import Session


@dataclass
class Block:
    """A user's messages until the reply; `bots` are a bot's messages on the way."""

    session: Session
    number: int
    users: list[Message] = field(default_factory=list)
    bots: list[Message] = field(default_factory=list)
    reply: Message | None = None

    @property
    def first(self) -> Message:
        """The first message: the arrival."""
        return self.users[0]

    @property
    def closed_ms(self) -> int | None:
        """When it was over: the reply, or the session's end; None while it is open."""
        return self.reply.ms if self.reply else self.session.ended_ms

    @property
    def until_ms(self) -> int:
        """When it was over, or the moment up to which it is known."""
        return self.reply.ms if self.reply else self.session.closed_or_as_of_ms

    @property
    def state(self) -> str:
        """Whether it is answered, open, or closed without an answer."""
        if self.reply:
            return "answered"
        return "open" if self.session.is_open else "closed_unanswered"


@dataclass(frozen=True)
class Handoff:
    """When a wait became the agents', and whether a webhook says so."""

    ms: int
    basis: str


def turns(session: Session) -> list[Block]:
    """The blocks of a session that any business message closes."""
    return _blocks(session, closing=BUSINESS)


def human_waits(session: Session) -> list[Block]:
    """The blocks of a session that only an agent's message closes."""
    return _blocks(session, closing=("agent",))


def handoff(wait: Block, moments: Sequence[int]) -> Handoff:
    """When a wait became the agents'.

    Args:
        wait: from `human_waits`.
        moments: when control was given to agents, by webhook.
    """
    within = [ms for ms in moments if wait.first.ms <= ms <= wait.until_ms]
    if within:
        return Handoff(within[0], "webhook")
    if not wait.bots:
        return Handoff(wait.first.ms, "derived")
    last_bot = wait.bots[-1]
    behind = [message for message in wait.users if message.number > last_bot.number]
    return Handoff(behind[0].ms if behind else last_bot.ms, "derived")


def wait_status(wait: Block, *, with_agents: bool) -> str:
    """Whether a wait is answered, waits for a human, or has only ever been a bot's."""
    if wait.reply:
        return "answered"
    return "pending_human" if with_agents or wait.session.count("agent") else "bot_only"


def _blocks(session: Session, *, closing: Collection[str]) -> list[Block]:
    found: list[Block] = []
    current: Block | None = None
    for message in session.messages:
        if message.kind == "user":
            if current is None:
                current = Block(session, number=len(found) + 1)
                found.append(current)
            current.users.append(message)
        elif current is not None and message.kind in closing:
            current.reply = message
            current = None
        elif current is not None and message.kind == "bot":
            current.bots.append(message)
    return found
