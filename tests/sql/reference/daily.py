"""Sums by day of what sessions, bots and deliveries came to (metrics.md, sections 3 and 4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tests.sql.reference.bots import BotSession
from tests.sql.reference.channels import switches
from tests.sql.reference.conversations import Conversation
from tests.sql.reference.deliveries import Delivery
from tests.sql.reference.moments import local_date
from tests.sql.reference.pairs import first_channel, is_left_truncated
from tests.sql.reference.sessions import Session
from tests.sql.reference.settings import Settings


def session_daily(conversations: Iterable[Conversation], settings: Settings) -> list[dict[str, Any]]:
    """The rows of `agg_session_daily`."""
    sums: dict[tuple[Any, ...], Counter[str]] = {}
    for conversation in conversations:
        for session in conversation.sessions:
            sums.setdefault(_place(conversation.app_id, session, settings), Counter()).update(
                _as_numbers(
                    n_sessions=True,
                    n_user_initiated=session.messages[0].kind == "user",
                    n_business_initiated=session.messages[0].kind != "user",
                    n_left_truncated=is_left_truncated(conversation, session),
                    n_open=session.is_open,
                    n_closed_by_activity=session.is_closed_by_activity,
                    n_inactive=session.end_reason == "inactivity",
                    n_settled=session.settled,
                    n_multi_message=session.count("user") >= 2,
                    n_with_switch=bool(switches(session, settings)),
                )
            )
    return _rows(sums)


def bot_daily(found: Iterable[BotSession], settings: Settings) -> list[dict[str, Any]]:
    """The rows of `agg_bot_daily`."""
    sums: dict[tuple[Any, ...], Counter[str]] = {}
    for bot in found:
        sums.setdefault(_place(bot.conversation.app_id, bot.session, settings), Counter()).update(
            _as_numbers(
                n_sessions=True,
                n_handed_off=bot.is_handed_off,
                n_contained_loose=bot.is_contained_loose,
                n_contained=bot.is_contained,
                n_deflected=bot.is_deflected,
            )
        )
    return _rows(sums)


def delivery_daily(found: Iterable[Delivery], settings: Settings) -> list[dict[str, Any]]:
    """The rows of `agg_delivery_daily`."""
    sums: dict[tuple[Any, ...], Counter[str]] = {}
    for delivery in found:
        place = (delivery.app_id, local_date(delivery.first_ms, settings.time_zone), delivery.destination)
        sums.setdefault(place, Counter()).update(
            _as_numbers(
                n_final=delivery.final is not None,
                n_failed=delivery.final == "failure",
                n_in_flight=delivery.final is None,
            )
        )
    return [
        dict(zip(("app_id", "local_date", "destination_type"), place, strict=True))
        | dict(sums_here)
        | {"failure_rate": sums_here["n_failed"] / sums_here["n_final"] if sums_here["n_final"] else None}
        for place, sums_here in sums.items()
    ]


def _as_numbers(**counted: bool) -> dict[str, int]:
    return {name: int(counts) for name, counts in counted.items()}


def _place(app_id: str, session: Session, settings: Settings) -> tuple[Any, ...]:
    arrived = session.first_user or session.messages[0]
    return (app_id, local_date(arrived.ms, settings.time_zone), first_channel(session) or "none")


def _rows(sums: dict[tuple[Any, ...], Counter[str]]) -> list[dict[str, Any]]:
    return [
        dict(zip(("app_id", "local_date", "channel"), place, strict=True)) | dict(found)
        for place, found in sums.items()
    ]
