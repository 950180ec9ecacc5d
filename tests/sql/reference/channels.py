"""What came in and went out, by day, hour, channel and content (metrics.md, section 4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.sql.reference.conversations import Conversation
from tests.sql.reference.messages import Message
from tests.sql.reference.moments import local_date, local_hour, local_weekday
from tests.sql.reference.sessions import Session
from tests.sql.reference.settings import Settings

_VOLUME = {"user": "n_in", "agent": "n_out_agent", "bot": "n_out_bot", "unknown": "n_out_unknown"}
_DAILY = {**_VOLUME, "system": "n_system", "survey": "n_survey"}
_COUNTS = (*_DAILY.values(), "active_users", "new_conversations", "first_contacts", "n_inferred")


@dataclass(frozen=True)
class Switch:
    """A user who went on in a channel of another family."""

    message: Message
    before: Message


def switches(session: Session, settings: Settings) -> list[Switch]:
    """The switches within one session; messages whose channel is not known are passed over."""
    users = [message for message in session.messages if message.kind == "user" and message.channel is not None]
    return [
        Switch(after, before)
        for before, after in pairwise(users)
        if settings.family(before.channel) != settings.family(after.channel)
    ]


def first_inbound(conversations: Sequence[Conversation]) -> list[tuple[Message, bool]]:
    """The first message of each user, and whether an earlier one may be missing.

    It may while the user takes part in a conversation that was created before and lacks its start. Of messages in the
    same millisecond, on several channels, the first is that of the first channel by name.
    """
    inbound: dict[tuple[str, str], list[Message]] = {}
    missing: dict[tuple[str, str], list[int]] = {}
    for conversation in conversations:
        members = {conversation.user_key} if conversation.user_key else set()
        for message in conversation.counted:
            if message.user_key is not None:
                members.add(message.user_key)
                inbound.setdefault((message.app_id, message.user_key), []).append(message)
        if conversation.lacks_its_start:
            for user_key in members:
                missing.setdefault((conversation.app_id, user_key), []).append(conversation.created_ms or 0)
    found = []
    for user, messages in inbound.items():
        first = min(messages, key=lambda message: (message.ms, message.channel or "none"))
        found.append((first, any(created_ms <= first.ms for created_ms in missing.get(user, ()))))
    return found


def channel_daily(conversations: Sequence[Conversation], settings: Settings) -> list[dict[str, Any]]:
    """The rows of `agg_channel_daily`."""
    counts: dict[tuple[Any, ...], Counter[str]] = {}
    active: set[tuple[Any, ...]] = set()

    def place(app_id: str, ms: int, channel: str | None) -> tuple[Any, ...]:
        return (app_id, local_date(ms, settings.time_zone), channel or "none")

    for conversation in conversations:
        for message in conversation.counted:
            here = place(message.app_id, message.ms, message.channel)
            counts.setdefault(here, Counter())[_DAILY[message.kind]] += 1
            counts[here]["n_inferred"] += message.basis == "inferred"
            if message.user_key is not None:
                active.add((*here, message.user_key))
        if (started_ms := conversation.started_ms()) is not None:
            first = conversation.first_user
            here = place(conversation.app_id, started_ms, first.channel if first else None)
            counts.setdefault(here, Counter())["new_conversations"] += 1
    for app_id, day, channel, _ in active:
        counts[app_id, day, channel]["active_users"] += 1
    for message, truncated in first_inbound(conversations):
        counts[place(message.app_id, message.ms, message.channel)]["first_contacts"] += not truncated
    return [
        dict(zip(("app_id", "local_date", "channel"), here, strict=True)) | {name: found[name] for name in _COUNTS}
        for here, found in counts.items()
    ]


def volume_hourly(conversations: Iterable[Conversation], settings: Settings) -> list[dict[str, Any]]:
    """The rows of `agg_volume_hourly`."""
    counts: dict[tuple[Any, ...], Counter[str]] = {}
    for message in _all(conversations):
        if message.kind in _VOLUME:
            zone = settings.time_zone
            hour, weekday = local_hour(message.ms, zone), local_weekday(message.ms, zone)
            place = (message.app_id, local_date(message.ms, zone), hour, weekday, message.channel or "none")
            counts.setdefault(place, Counter())[_VOLUME[message.kind]] += 1
    names = ("app_id", "local_date", "local_hour", "local_weekday", "channel")
    return [
        dict(zip(names, place, strict=True)) | {name: found[name] for name in _VOLUME.values()}
        for place, found in counts.items()
    ]


def content_daily(conversations: Iterable[Conversation], settings: Settings) -> list[dict[str, Any]]:
    """The rows of `agg_content_daily`."""
    counts = Counter(
        (message.app_id, local_date(message.ms, settings.time_zone), message.kind, message.content_type)
        for message in _all(conversations)
    )
    names = ("app_id", "local_date", "class", "content_type", "n")
    return [dict(zip(names, (*place, n), strict=True)) for place, n in counts.items()]


def _all(conversations: Iterable[Conversation]) -> Iterator[Message]:
    return (message for conversation in conversations for message in conversation.counted)
