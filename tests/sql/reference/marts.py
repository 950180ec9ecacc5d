"""The reference's answer: the rows of every mart as the models should have them, worked out without SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias

from tests.sql.reference import fact_rows as facts
from tests.sql.reference.backlog import backlog_hourly, newest_as_of
from tests.sql.reference.bots import bot_sessions
from tests.sql.reference.channels import channel_daily, content_daily, volume_hourly
from tests.sql.reference.cohorts import cohort_monthly
from tests.sql.reference.conversations import Conversation, conversations
from tests.sql.reference.daily import bot_daily, delivery_daily, session_daily
from tests.sql.reference.deliveries import Delivery, deliveries
from tests.sql.reference.history import History
from tests.sql.reference.identity import Identities
from tests.sql.reference.live import live_rows
from tests.sql.reference.pairs import Pair, pairs
from tests.sql.reference.responses import Judged, judged, response_daily, sla_daily

Rows: TypeAlias = list[dict[str, Any]]


@dataclass(frozen=True)
class Reference:
    """All that follows from a history."""

    history: History

    @cached_property
    def conversations(self) -> list[Conversation]:
        """Every conversation, worked out."""
        return conversations(self.history, Identities(self.history))

    @cached_property
    def pairs(self) -> list[Pair]:
        """Every arrival and its answer."""
        return pairs(self.conversations, self.history.settings)

    @cached_property
    def judged(self) -> list[Judged]:
        """Every promise."""
        return judged(self.pairs, self.history.settings)

    @cached_property
    def deliveries(self) -> list[Delivery]:
        """Every delivery."""
        return deliveries(row for row in live_rows(self.history, "events") if row.get("conversation_id"))

    @cached_property
    def newest(self) -> dict[str, int]:
        """By app, the moment up to which anything is known."""
        known = {row["app_id"]: row["as_of_ms"] for row in self.history.rows("app_as_of")}
        return newest_as_of(self.conversations, known)

    def rows(self, mart: str) -> Rows:
        """The rows of one mart; KeyError if the reference does not know it."""
        return _MARTS[mart](self)


def _per_session(
    make: Callable[..., Rows],
) -> Callable[[Reference], Rows]:
    def rows(reference: Reference) -> Rows:
        return [
            row
            for conversation in reference.conversations
            for session in conversation.sessions
            for row in make(conversation, session, reference.history.settings)
        ]

    return rows


_MARTS: Final[Mapping[str, Callable[[Reference], Rows]]] = {
    "fct_conversations": lambda of: [facts.conversation_row(item, of.history.settings) for item in of.conversations],
    "fct_sessions": _per_session(facts.session_rows),
    "fct_turns": _per_session(facts.turn_rows),
    "fct_human_waits": _per_session(facts.wait_rows),
    "fct_channel_switches": _per_session(facts.switch_rows),
    "fct_sla": lambda of: [facts.sla_row(item) for item in of.judged],
    "fct_deliveries": lambda of: [facts.delivery_row(item, of.history.settings) for item in of.deliveries],
    "fct_bot_sessions": lambda of: facts.bot_rows(bot_sessions(of.conversations), of.history.settings),
    "int_messages_classified": lambda of: facts.message_rows(of.conversations, of.history.settings),
    "agg_response_daily": lambda of: response_daily(of.pairs, of.judged),
    "agg_sla_daily": lambda of: sla_daily(of.judged),
    "agg_backlog_hourly": lambda of: backlog_hourly(of.conversations, of.newest, of.history.settings.time_zone),
    "agg_session_daily": lambda of: session_daily(of.conversations, of.history.settings),
    "agg_channel_daily": lambda of: channel_daily(of.conversations, of.history.settings),
    "agg_volume_hourly": lambda of: volume_hourly(of.conversations, of.history.settings),
    "agg_content_daily": lambda of: content_daily(of.conversations, of.history.settings),
    "agg_delivery_daily": lambda of: delivery_daily(of.deliveries, of.history.settings),
    "agg_bot_daily": lambda of: bot_daily(bot_sessions(of.conversations), of.history.settings),
    "agg_cohort_monthly": lambda of: cohort_monthly(of.conversations, of.newest, of.history.settings.time_zone),
}


def known_marts() -> Sequence[str]:
    """The names of the models that the reference works out."""
    return tuple(_MARTS)
