"""Where a person is held in the lake: every column of every table, with its category (gdpr.md, section 3).

The one source for the redaction of rows and for the records of processing. A column that is not named here fails a
test, and an unknown field of the API, which lands in `extra`, counts as free text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from pipeline.lake.schema import Kind as ColumnKind
from pipeline.lake.tables import TABLES, Column, Origin
from pipeline.suppression.matcher import ID_KINDS
from pipeline.suppression.subjects import Kind


class Category(StrEnum):
    """What a column says about a person."""

    DIRECT = "D"
    LINK = "L"
    FREE = "F"
    SECRET = "S"  # noqa: S105 - a category
    NONE = "-"


Inside = Literal["ids", "quotes", "payload", "free"]
"""What is done with JSON that survives. "ids": objects and members that carry an id of the subject are erased;
"quotes": quoted messages of the subject's are; "payload": quotes are, and any other id of the subject drops the row;
"free": the customer's own, looked through for mentions only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One column.

    Args:
        category: what it says about a person.
        drops: the row goes if the value is the subject's identifier of this kind.
        masked: nulled by `pii_only` where the row is the subject's.
        inside: what is done with JSON in rows that survive.
        identifies: whether it tells whose the row is, beside the keys: it stays, whoever else is named in it.
    """

    category: Category
    drops: Kind | None = None
    masked: bool = False
    inside: Inside | None = None
    identifies: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableTargets:
    """The columns of one table.

    Args:
        columns: by name.
        owner: the column whose user a row is the personal data of, under `pii_only`; None where no row is.
        drops_masked: whether `pii_only` drops the rows of the owner.
        places: the columns of which the first that is not null tells where a mention of somebody else stands.
        purpose: why the table is kept; for the records of processing.
    """

    columns: Mapping[str, Target]
    purpose: str
    owner: str | None = None
    drops_masked: bool = False
    places: tuple[str, ...] = ()


_NONE = Target(category=Category.NONE)
_LINK = Target(category=Category.LINK)
_FREE = Target(category=Category.FREE, inside="free")
_TEXT = Target(category=Category.FREE)
_DIRECT = Target(category=Category.DIRECT, masked=True)
_BOOKKEEPING = {
    "extra": Target(category=Category.FREE, masked=True, inside="ids"),
    "exported_at": _NONE,
    "run_id": _NONE,
}


def _key(kind: Kind) -> Target:
    return Target(category=Category.LINK, drops=kind)


def _impersonal(name: str, *, purpose: str) -> TableTargets:
    columns = {column.name: _NONE for column in TABLES[name].fields}
    return TableTargets(columns=columns | _BOOKKEEPING, purpose=purpose, places=TABLES[name].key)


ERASURE_TARGETS: Mapping[str, TableTargets] = {
    "apps": _impersonal("apps", purpose="names the app"),
    "integrations": _impersonal("integrations", purpose="names the channels"),
    "switchboards": _impersonal("switchboards", purpose="explains who was in control"),
    "switchboard_integrations": _impersonal("switchboard_integrations", purpose="explains who was in control"),
    "webhooks": _impersonal("webhooks", purpose="documents what is told to others"),
    "users": TableTargets(
        purpose="counts and classifies the people who wrote",
        owner="user_id",
        places=("user_id",),
        columns={
            "user_id": _key(Kind.USER),
            "external_id": Target(category=Category.DIRECT, drops=Kind.EXTERNAL_ID, masked=True),
            "zendesk_id": _LINK,
            "brand_id": _NONE,
            "authenticated": _NONE,
            "signed_up_at": _LINK,
            "to_be_retained": _NONE,
            "given_name": _DIRECT,
            "surname": _DIRECT,
            "email": Target(category=Category.DIRECT, drops=Kind.EMAIL, masked=True),
            "avatar_url": _DIRECT,
            "locale": _LINK,
            "identities": Target(category=Category.DIRECT, masked=True, inside="ids"),
            "metadata": Target(category=Category.FREE, masked=True, inside="free"),
        }
        | _BOOKKEEPING,
    ),
    "clients": TableTargets(
        purpose="tells by which channel people wrote",
        owner="user_id",
        places=("user_id",),
        columns={
            "client_id": _key(Kind.CLIENT),
            "user_id": _key(Kind.USER),
            "type": _NONE,
            "status": _NONE,
            "integration_id": _NONE,
            "external_id": Target(category=Category.DIRECT, drops=Kind.CLIENT_EXTERNAL_ID, masked=True),
            "last_seen_at": _LINK,
            "linked_at": _LINK,
            "display_name": _DIRECT,
            "avatar_url": _DIRECT,
            "info": Target(category=Category.DIRECT, masked=True, inside="ids"),
            "raw": Target(category=Category.DIRECT, masked=True, inside="ids"),
        }
        | _BOOKKEEPING,
    ),
    "devices": TableTargets(
        purpose="tells with which devices people wrote",
        owner="user_id",
        places=("user_id",),
        drops_masked=True,
        columns={
            "device_id": _key(Kind.DEVICE),
            "user_id": _key(Kind.USER),
            "type": _NONE,
            "guid": _DIRECT,
            "client_id": _key(Kind.CLIENT),
            "status": _NONE,
            "integration_id": _NONE,
            "last_seen_at": _LINK,
            "info": Target(category=Category.DIRECT, masked=True, inside="ids"),
            "app_version": _NONE,
        }
        | _BOOKKEEPING,
    ),
    "conversations": TableTargets(
        purpose="the unit of nearly every metric",
        places=("conversation_id",),
        columns={
            "conversation_id": _key(Kind.CONVERSATION),
            "type": _NONE,
            "is_default": _NONE,
            "display_name": _TEXT,
            "description": _TEXT,
            "icon_url": _TEXT,
            "created_at": _LINK,
            "last_updated_at": _LINK,
            "business_last_read_at": _LINK,
            "active_switchboard_integration_id": _NONE,
            "active_switchboard_integration": _NONE,
            "pending_switchboard_integration_id": _NONE,
            "pending_switchboard_integration": _NONE,
            "metadata": _FREE,
        }
        | _BOOKKEEPING,
    ),
    "participants": TableTargets(
        purpose="tells who takes part in a conversation",
        owner="user_id",
        places=("conversation_id",),
        columns={
            "participant_id": _key(Kind.PARTICIPANT),
            "conversation_id": _key(Kind.CONVERSATION),
            "user_id": _key(Kind.USER),
            "user_external_id": Target(category=Category.DIRECT, masked=True, identifies=True),
            "unread_count": _LINK,
            "last_read_at": _LINK,
            "client_associations": Target(category=Category.LINK, inside="ids"),
        }
        | _BOOKKEEPING,
    ),
    "messages": TableTargets(
        purpose="response times, channels and content of conversations",
        owner="author_user_id",
        places=("conversation_id",),
        columns={
            "message_id": _key(Kind.MESSAGE),
            "conversation_id": _key(Kind.CONVERSATION),
            "received_at": _LINK,
            "author_type": _NONE,
            "author_subtypes": _NONE,
            "author_user_id": _key(Kind.USER),
            "author_display_name": _DIRECT,
            "author_avatar_url": _DIRECT,
            "source_type": _NONE,
            "source_integration_id": _NONE,
            "source_original_message_id": _LINK,
            "source_original_message_at": _LINK,
            "content_type": _NONE,
            "text": _TEXT,
            "content": _FREE,
            "activity": Target(category=Category.FREE, inside="ids"),
            "quoted_message": Target(category=Category.FREE, inside="quotes"),
            "references": _FREE,
            "metadata": _FREE,
            "deleted": _NONE,
        }
        | _BOOKKEEPING,
    ),
    "events": TableTargets(
        purpose="tells what lists do not: merges, reads, deliveries",
        owner="user_id",
        places=("conversation_id", "user_id", "event_id"),
        drops_masked=True,
        columns={
            "event_id": _NONE,
            "type": _NONE,
            "created_at": _LINK,
            "webhook_id": _NONE,
            "conversation_id": _key(Kind.CONVERSATION),
            "user_id": _key(Kind.USER),
            "message_id": _key(Kind.MESSAGE),
            "payload": Target(category=Category.FREE, inside="payload"),
        }
        | _BOOKKEEPING,
    ),
    "tombstones": TableTargets(
        purpose="keeps what is gone out of the metrics",
        columns={
            "entity": _NONE,
            "entity_id": _LINK,  # of the kind that `entity` names: see ENTITY_KINDS
            "seen_at": _LINK,
            "reason": _NONE,
        }
        | _BOOKKEEPING,
    ),
}
"""Every table of the lake, every column of it."""

ENTITY_KINDS: Mapping[str, Kind] = {
    "user": Kind.USER,
    "client": Kind.CLIENT,
    "device": Kind.DEVICE,
    "conversation": Kind.CONVERSATION,
    "participant": Kind.PARTICIPANT,
    "message": Kind.MESSAGE,
}
"""Whose identifier a tombstone holds."""


def keys_of(table: str) -> Iterator[tuple[str, Kind]]:
    """The columns that make a row the subject's, with the kind of their identifiers."""
    for name, target in ERASURE_TARGETS[table].columns.items():
        if target.drops is not None:
            yield name, target.drops


def place_columns(table: str) -> tuple[str, ...]:
    """The columns that tell where a row stands, the first that is not null first; the app itself stands nowhere."""
    return tuple(name for name in ERASURE_TARGETS[table].places if name in TABLES[table].schema.names)


def inside_of(table: str, *wanted: Inside) -> Iterator[tuple[str, Inside]]:
    """The JSON columns that are looked into in surviving rows."""
    for name, target in ERASURE_TARGETS[table].columns.items():
        if target.inside in wanted:
            yield name, target.inside


def mentions_in(table: str) -> Iterator[tuple[Column, bool]]:
    """The columns in which somebody else may be mentioned, each with whether it may be redacted: not what identifies.

    Names of channels and the like, which are no data about people, stay as they are.
    """
    is_about_people = any(keys_of(table))
    for column in TABLES[table].columns:
        target = ERASURE_TARGETS[table].columns[column.name]
        is_text = column.kind in {ColumnKind.STRING, ColumnKind.JSON} and column.origin is not Origin.CONTEXT
        is_personal = target.category is not Category.NONE and target.drops not in ID_KINDS
        if is_text and (is_personal or not is_about_people):
            yield column, is_personal and target.drops is None and not target.identifies


def masked_of(table: str) -> Iterator[str]:
    """The columns that `pii_only` nulls in the subject's rows."""
    return (name for name, target in ERASURE_TARGETS[table].columns.items() if target.masked)
