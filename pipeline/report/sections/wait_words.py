"""What each measure of response time means, in words, and which two stand side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipeline.report.theme import BOT, HUMAN

_NO_HUMAN: Final = "No conversation of this period had an agent or waited for one, so there is nothing to measure."
_NO_BOT: Final = "No bot answered in this period, so there is nothing to measure."


@dataclass(frozen=True, slots=True)
class Wait:
    """A measure: metric and scope as in marts.agg_response_daily; `name` is its name in a legend."""

    metric: str
    scope: str
    key: str
    title: str
    name: str
    color: str
    definition: str
    empty: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two measures side by side; the first one is also shown by channel over time."""

    key: str
    title: str
    first: Wait
    second: Wait

    @property
    def both(self) -> tuple[Wait, Wait]:
        """The two in their order."""
        return self.first, self.second


PAIRS: Final = (
    Pair(
        "first_reply",
        "First reply",
        Wait(
            metric="frt",
            scope="human",
            key="first_reply_human",
            title="First reply by a human",
            name="Human",
            color=HUMAN,
            definition="From the first message of a user in a session to the first message of an agent after it; time "
            "with a bot counts. Sessions that a user began and that had an agent or waited for one.",
            empty=_NO_HUMAN,
        ),
        Wait(
            metric="frt",
            scope="bot",
            key="first_reply_bot",
            title="First reply by a bot",
            name="Bot",
            color=BOT,
            definition="From the first message of a user in a session to the first message of a bot after it. Sessions "
            "that a user began and in which a bot answered.",
            empty=_NO_BOT,
        ),
    ),
    Pair(
        "reply",
        "Reply",
        Wait(
            metric="reply",
            scope="agent",
            key="reply_human",
            title="Reply by a human",
            name="Human",
            color=HUMAN,
            definition="From the first of a user's consecutive messages to the agent's message that answers them. What "
            "nobody answered can't be laid to human or bot: its share stands at “Any reply” in the last table of "
            "this section.",
            empty="No agent answered in this period.",
        ),
        Wait(
            metric="reply",
            scope="bot",
            key="reply_bot",
            title="Reply by a bot",
            name="Bot",
            color=BOT,
            definition="From the first of a user's consecutive messages to the bot's message that answers them. What "
            "nobody answered is counted at “Any reply”.",
            empty=_NO_BOT,
        ),
    ),
    Pair(
        "human_wait",
        "Wait for a human",
        Wait(
            metric="human_wait",
            scope="human",
            key="human_wait_total",
            title="Wait for a human",
            name="Whole wait",
            color=HUMAN,
            definition="From the first of a user's messages to the next message of an agent; what a bot says in "
            "between does not end the wait. Conversations that a bot handled alone are left out.",
            empty=_NO_HUMAN,
        ),
        Wait(
            metric="human_handoff",
            scope="human",
            key="human_wait_handoff",
            title="Wait after hand-off",
            name="After hand-off",
            color=BOT,
            definition="The same waits, counted from the moment the bot was done: its last message, the user's first "
            "one after it, or the hand-over where webhooks tell of it.",
            empty=_NO_HUMAN,
        ),
    ),
)
