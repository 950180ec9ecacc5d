"""Everybody in the subject's conversations who is not the subject: a label for each, and what must not be told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ahocorasick_rs import AhoCorasick, MatchKind

from pipeline.privacy.access.source import Source
from pipeline.suppression.subjects import Subject, email_forms, phone_forms

SUBJECT_LABEL: Final = "You"
SHORTEST_NEEDLE: Final = 6  # shorter identifiers, such as the external id "7", would hit by chance

_IDENTIFIERS: Final = """
    with others as (
        select distinct user_id from participants_files
        where conversation_id in (select id from chats) and user_id not in (select id from own_users)
        union
        select distinct author_user_id from messages_files
        where conversation_id in (select id from chats) and author_user_id not in (select id from own_users)
    )
    select user_id, user_id from others where user_id is not null
    union
    select user_id, unnest([
        external_id, zendesk_id, email, avatar_url, given_name || ' ' || surname, surname || ' ' || given_name
    ]) from users_files where user_id in (select user_id from others)
    union
    select user_id, unnest([client_id, external_id, avatar_url, display_name])
    from clients_files where user_id in (select user_id from others)
    union
    select user_id, unnest([device_id, guid]) from devices_files where user_id in (select user_id from others)
    union
    select user_id, unnest([participant_id, user_external_id])
    from participants_files where user_id in (select user_id from others)
    order by 1, 2
"""


class Others:
    """Labels in the order in which people appear, so that the same lake gives the same copy."""

    def __init__(self, subject: Subject, identifiers: Iterable[tuple[str, str]]) -> None:
        self._own_users = subject.user_ids
        self._own_messages = subject.message_ids
        self._labels: dict[tuple[str, str | None], str] = {}
        self._counts: dict[str, int] = {}
        own = _own_identifiers(subject)
        found = [(user, value) for user, value in identifiers if len(value) >= SHORTEST_NEEDLE and value not in own]
        self._owners = [user for user, _ in found]
        self._automaton = AhoCorasick([value for _, value in found], matchkind=MatchKind.LeftmostLongest)

    @property
    def people(self) -> int:
        """How many other people have been named so far."""
        return self._counts.get("Person", 0)

    def is_own(self, message: Mapping[str, Any]) -> bool:
        """Whether the subject wrote a message, given as a row or with the same keys."""
        author = message.get("author_user_id")
        return author in self._own_users or (author is None and message.get("message_id") in self._own_messages)

    def is_own_user(self, user_id: object) -> bool:
        """Whether the id is one of the subject's."""
        return user_id in self._own_users

    def label(self, message: Mapping[str, Any]) -> str:
        """What the copy calls the author of a message: You, Person 1, Agent 1, Bot 1."""
        if self.is_own(message):
            return SUBJECT_LABEL
        author = message.get("author_user_id")
        if message.get("author_type") == "user":
            return self._named("Person", author)
        subtypes = message.get("author_subtypes") or ()
        if "activity" in subtypes:
            return "System"
        kind = "Bot" if {"bot", "AI"} & set(subtypes) else "Agent"
        return self._named(kind, author or message.get("author_display_name"))

    def masked(self, value: str) -> str:
        """The text with every known identifier of another person replaced by that person's label."""
        made, end = [], 0
        for pattern, start, stop in self._automaton.find_matches_as_indexes(value):
            made += [value[end:start], self._named("Person", self._owners[pattern])]
            end = stop
        return "".join([*made, value[end:]]) if made else value

    def _named(self, kind: str, identity: str | None) -> str:
        label = self._labels.get((kind, identity))
        if label is None:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            label = self._labels[kind, identity] = f"{kind} {self._counts[kind]}"
        return label


def find_others(source: Source, subject: Subject) -> Others:
    """The other members and authors of the subject's conversations, as far as the lake knows them."""
    return Others(subject, [(user, value) for user, value in source.fetch(_IDENTIFIERS) if value])


def _own_identifiers(subject: Subject) -> frozenset[str]:
    emails = (form for email in subject.emails for form in email_forms(email))
    phones = (form for phone in subject.phones for form in phone_forms(phone))
    names = (f"{given} {surname}" for given, surname in subject.names)
    external = (value for value, _ in subject.external_ids)
    return frozenset().union(
        emails, phones, names, external, subject.client_external_ids, subject.user_ids, subject.guids
    )
