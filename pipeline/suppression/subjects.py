"""A subject: all by which one person is known in one app, resolved before anything is erased (gdpr.md, section 5).

All of it is personal data. It lives in memory and in a batch's sealed work file, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

ExternalId: TypeAlias = tuple[str, str | None]
"""An external id with the brand that it belongs to, None where users are not separated by brand."""

Name: TypeAlias = tuple[str, str]
"""A given name and a surname, neither empty."""


class Action(StrEnum):
    """What a request asks for."""

    ERASE = "erase"
    PII_ONLY = "pii_only"
    ACCESS = "access"
    RESTRICT = "restrict"
    SUPPRESS = "suppress"
    HOLD = "hold"
    RELEASE = "release"


class Kind(StrEnum):
    """What an identifier identifies; a suppression list holds MACs by kind."""

    USER = "user"
    CLIENT = "client"
    DEVICE = "device"
    PARTICIPANT = "participant"
    CONVERSATION = "conversation"  # goes whole
    GROUP = "group"  # a conversation whose other members stay
    MESSAGE = "message"
    ORIGINAL_MESSAGE = "original_message"  # by its conversation and the id that the channel gave it
    EXTERNAL_ID = "external_id"
    EMAIL = "email"
    PHONE = "phone"
    CLIENT_EXTERNAL_ID = "client_external_id"
    MENTION = "mention"  # what somebody is called in the words of others
    MENTIONING = "mentioning"  # a conversation, user or event in whose rows others are called so


NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One person in one app.

    Args:
        app_id: the app.
        tag: keyed MAC of the person's id; all that reports, journals and the ledger of deeds ever name.
        action: what is to be done.
        request_refs: the requests that ask for it.
        user_ids: ids after the transitive closure of merges; empty where nobody was found.
        client_ids, device_ids, participant_ids: what those users own.
        personal_conversation_ids: conversations that go whole.
        default_conversation_ids: those of them that upstream does not delete (gdpr.md, section 4).
        group_conversation_ids: conversations whose other members stay.
        message_ids: the subject's own messages in group conversations.
        original_messages: those of them that a channel gave ids, by `matcher.original_key`; quotes may name them so.
        mentioning_ids: beside the groups, in whose rows the subject is mentioned, by `registry.places_of`; only looked
            for where mentions are redacted.
        external_ids, emails, phones, client_external_ids, guids, media_urls, push_tokens, names: what else would give
            the person away; needles of the scan and of mentions.
        shared_media_urls: uploads that messages of others show, too: they are neither removed nor looked for.
        not_found: whether neither the lake nor upstream knew the person: they are kept out and looked for, and there
            is nothing to be destroyed.
    """

    app_id: str
    tag: str
    action: Action
    request_refs: tuple[str, ...] = ()
    user_ids: frozenset[str] = field(default=NOTHING, repr=False)
    client_ids: frozenset[str] = field(default=NOTHING, repr=False)
    device_ids: frozenset[str] = field(default=NOTHING, repr=False)
    participant_ids: frozenset[str] = field(default=NOTHING, repr=False)
    personal_conversation_ids: frozenset[str] = field(default=NOTHING, repr=False)
    default_conversation_ids: frozenset[str] = field(default=NOTHING, repr=False)
    group_conversation_ids: frozenset[str] = field(default=NOTHING, repr=False)
    message_ids: frozenset[str] = field(default=NOTHING, repr=False)
    original_messages: frozenset[str] = field(default=NOTHING, repr=False)
    mentioning_ids: frozenset[str] = field(default=NOTHING, repr=False)
    external_ids: frozenset[ExternalId] = field(default=frozenset(), repr=False)
    emails: frozenset[str] = field(default=NOTHING, repr=False)
    phones: frozenset[str] = field(default=NOTHING, repr=False)
    client_external_ids: frozenset[str] = field(default=NOTHING, repr=False)
    guids: frozenset[str] = field(default=NOTHING, repr=False)
    media_urls: frozenset[str] = field(default=NOTHING, repr=False)
    shared_media_urls: frozenset[str] = field(default=NOTHING, repr=False)
    push_tokens: frozenset[str] = field(default=NOTHING, repr=False)
    names: frozenset[Name] = field(default=frozenset(), repr=False)
    not_found: bool = False


def encode_subjects(subjects: Sequence[Subject]) -> bytes:
    """Subjects as canonical JSON, the same for equal subjects."""
    return msgspec.json.encode([_canonical(subject) for subject in subjects])


def decode_subjects(data: bytes) -> list[Subject]:
    """The subjects of `encode_subjects`.

    Raises:
        msgspec.DecodeError: the bytes are something else.
    """
    return msgspec.json.decode(data, type=list[Subject])


def _canonical(subject: Subject) -> dict[str, Any]:
    """The subject's fields with sets in the order of their members' JSON, since a brand may be missing in some."""
    values = ((field.name, getattr(subject, field.name)) for field in fields(subject))
    return {
        name: sorted(value, key=msgspec.json.encode) if isinstance(value, frozenset) else value
        for name, value in values
    }


def email_forms(email: str) -> frozenset[str]:
    """The forms in which an address counts as the same: as given, and casefolded."""
    return frozenset({email, email.casefold()})


def phone_forms(phone: str) -> frozenset[str]:
    """The forms in which a phone number counts as the same: as given, and its digits if seven or more."""
    digits = "".join(character for character in phone if character.isascii() and character.isdigit())
    return frozenset({phone, digits}) if len(digits) >= 7 else frozenset({phone})
