"""What became of messages on their way to a channel, as webhooks tell it (metrics.md, section 4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.sql.reference.history import Row, inside, parsed
from tests.sql.reference.moments import to_ms

PREFIX = "conversation:message:delivery:"


@dataclass(frozen=True)
class Delivery:
    """A message's way to one destination; `final` is None while it is under way."""

    app_id: str
    conversation_id: str
    message_id: str
    destination: str
    final: str | None
    error_code: str | None
    n_events: int
    first_ms: int
    last_ms: int


def deliveries(events: Iterable[Row]) -> list[Delivery]:
    """One delivery a message and destination; `events` hold no event twice."""
    grouped: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in _in_order(events):
        destination = inside(parsed(row["payload"]), "destination", "type")
        place = (row["app_id"], row["conversation_id"], row["message_id"], destination)
        grouped.setdefault(place, []).append(row)
    return [_delivery(place, rows) for place, rows in grouped.items()]


def destinations(events: Iterable[Row]) -> dict[str, str]:
    """By message id, the channel that it was last reported to go to."""
    return {row["message_id"]: inside(parsed(row["payload"]), "destination", "type") for row in _in_order(events)}


def _in_order(events: Iterable[Row]) -> Sequence[Row]:
    about = (row for row in events if row["type"].startswith(PREFIX))
    return sorted(about, key=lambda row: (to_ms(row["created_at"]), row["event_id"].encode()))


def _delivery(place: tuple[str, str, str, str], rows: Sequence[Row]) -> Delivery:
    final = [row for row in rows if inside(parsed(row["payload"]), "isFinalEvent") is True]
    kind = final[-1]["type"].removeprefix(PREFIX) if final else None
    error = inside(parsed(final[-1]["payload"]), "error", "code") if final else None
    app_id, conversation_id, message_id, destination = place
    return Delivery(
        app_id=app_id,
        conversation_id=conversation_id,
        message_id=message_id,
        destination=destination,
        final=kind,
        error_code=error,
        n_events=len(rows),
        first_ms=to_ms(rows[0]["created_at"]),
        last_ms=to_ms(rows[-1]["created_at"]),
    )
