"""How many users waited at each full hour (metrics.md, section 3.6)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.sql.reference.blocks import Block, human_waits, turns, wait_status
from tests.sql.reference.conversations import Conversation
from tests.sql.reference.moments import HOUR, MINUTE, local_date, to_naive

_AGES = (("n_lt_5m", 5 * MINUTE), ("n_lt_1h", HOUR), ("n_lt_8h", 8 * HOUR), ("n_lt_24h", 24 * HOUR))


@dataclass
class _Waiting:
    turns: list[int] = field(default_factory=list)
    humans: list[int] = field(default_factory=list)


def newest_as_of(conversations: Iterable[Conversation], app_as_of: dict[str, int]) -> dict[str, int]:
    """By app, the moment up to which anything is known of it."""
    newest = dict(app_as_of)
    for conversation in conversations:
        if conversation.as_of_ms is not None:
            newest[conversation.app_id] = max(newest.get(conversation.app_id, 0), conversation.as_of_ms)
    return newest


def backlog_hourly(conversations: Sequence[Conversation], newest: dict[str, int], zone: str) -> list[dict[str, Any]]:
    """The rows of `agg_backlog_hourly`: hours at which somebody waited."""
    waiting: dict[tuple[str, str, int], _Waiting] = {}
    for conversation in conversations:
        app_id = conversation.app_id
        for session in conversation.sessions:
            for turn in turns(session):
                for hour in _hours(turn, newest[app_id]):
                    place = (app_id, turn.first.channel or "none", hour)
                    waiting.setdefault(place, _Waiting()).turns.append(hour - turn.first.ms)
            for wait in human_waits(session):
                if wait_status(wait, with_agents=conversation.with_agents) == "bot_only":
                    continue
                for hour in _hours(wait, newest[app_id]):
                    place = (app_id, wait.first.channel or "none", hour)
                    waiting.setdefault(place, _Waiting()).humans.append(hour - wait.first.ms)
    return [_row(place, ages, zone) for place, ages in waiting.items()]


def _hours(block: Block, newest_ms: int) -> Iterable[int]:
    """The full hours at which a block was open: from its first message on, until just before it was closed."""
    end = newest_ms + 1 if block.closed_ms is None else min(block.closed_ms, newest_ms + 1)
    return range(-(-block.first.ms // HOUR) * HOUR, end, HOUR)


def _row(place: tuple[str, str, int], ages: _Waiting, zone: str) -> dict[str, Any]:
    app_id, channel, hour = place
    row: dict[str, Any] = {
        "app_id": app_id,
        "channel": channel,
        "hour": to_naive(hour),
        "local_date": local_date(hour, zone),
        "open_turns": len(ages.turns),
        "pending_human": len(ages.humans),
        "oldest_age_s": max(ages.turns) / 1000 if ages.turns else None,
        "oldest_pending_human_age_s": max(ages.humans) / 1000 if ages.humans else None,
    }
    younger = 0
    for name, limit in _AGES:
        row[name] = sum(younger <= age < limit for age in ages.turns)
        younger = limit
    return row | {"n_ge_24h": sum(age >= younger for age in ages.turns)}
