"""Classes and channels of messages (metrics.md, sections 3.1 and 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.sql.reference.history import Row, inside, parsed
from tests.sql.reference.identity import Identities
from tests.sql.reference.moments import to_ms
from tests.sql.reference.settings import Settings

BUSINESS = ("agent", "bot", "unknown")
ELIGIBLE = ("user", *BUSINESS)


@dataclass(frozen=True)
class Message:
    """A message, classified.

    `number` counts from 1 in the conversation's order (rule R2); one that is left out counts nowhere.
    """

    app_id: str
    conversation_id: str
    message_id: str
    ms: int
    run_ms: int | None
    number: int
    kind: str
    is_ai: bool
    is_deleted: bool
    is_left_out: bool
    user_key: str | None
    source_type: str | None
    content_type: str | None
    activity_type: str | None
    channel: str | None
    basis: str

    @property
    def is_eligible(self) -> bool:
        """Whether it is part of a session."""
        return self.kind in ELIGIBLE and not self.is_left_out


def classify(
    rows: Sequence[Row],
    *,
    settings: Settings,
    identities: Identities,
    destinations: Mapping[str, str],
    primary_channel: str | None,
) -> list[Message]:
    """All messages of one conversation in their order.

    Args:
        rows: the conversation's messages.
        settings: the settings.
        identities: the merges.
        destinations: by message id, where deliveries say that it went.
        primary_channel: the first client association of the participant.
    """
    found: list[Message] = []
    last_user_channel: str | None = None
    for row in sorted(rows, key=lambda row: (to_ms(row["received_at"]), row["message_id"].encode())):
        kind, is_deleted = class_of(row, settings), bool(row.get("deleted"))
        is_left_out = is_deleted and settings.exclude_deleted
        channel, basis = primary_channel, "inferred" if primary_channel else "none"
        if kind == "user":
            channel, basis = row.get("source_type"), "own"
            last_user_channel = last_user_channel if is_left_out or channel is None else channel
        elif row["message_id"] in destinations:
            channel, basis = destinations[row["message_id"]], "delivery"
        elif last_user_channel is not None:
            channel, basis = last_user_channel, "inferred"
        found.append(
            Message(
                app_id=row["app_id"],
                conversation_id=row["conversation_id"],
                message_id=row["message_id"],
                ms=to_ms(row["received_at"]),
                run_ms=run_ms(row["run_id"]),
                number=len(found) + 1,
                kind=kind,
                is_ai="AI" in (row.get("author_subtypes") or ()),
                is_deleted=is_deleted,
                is_left_out=is_left_out,
                user_key=identities.key(row["app_id"], row.get("author_user_id")) if kind == "user" else None,
                source_type=row.get("source_type"),
                content_type="deleted" if is_deleted else row.get("content_type"),
                activity_type=inside(parsed(row.get("activity")), "type"),
                channel=channel,
                basis=basis,
            )
        )
    return found


def class_of(row: Row, settings: Settings) -> str:
    """What kind of author wrote a message; the first match wins."""
    subtypes = row.get("author_subtypes") or ()
    source = row.get("source_type")
    if row.get("activity") is not None or "activity" in subtypes:
        return "system"
    if row.get("author_type") == "user":
        return "user"
    if source == "zd:surveys":
        return "survey"
    if "AI" in subtypes or "bot" in subtypes:
        return "bot"
    if "agent" in subtypes:
        return "agent"
    return settings.source_classes.get(source or "", "unknown")


def run_ms(run_id: str) -> int | None:
    """When the run started that is named so: its first 11 digits, if they are hexadecimal ones."""
    digits = run_id[:11]
    return int(digits, 16) if len(digits) == 11 and set(digits) <= set("0123456789abcdef") else None


def first_association(participants: Sequence[Row]) -> str | None:
    """The channel that the first participant used last."""
    for row in sorted(participants, key=lambda row: row["participant_id"]):
        associations: Any = parsed(row.get("client_associations")) or []
        if associations and associations[0].get("type"):
            channel: str = associations[0]["type"]
            return channel
    return None
