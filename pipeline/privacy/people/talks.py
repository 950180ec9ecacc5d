"""Which conversations go whole with a person, and which stay for their other members (gdpr.md, section 5)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from urllib.parse import urlsplit

import sqlalchemy as sa

from pipeline.lake import exact_json
from pipeline.privacy.people.facts import Facts
from pipeline.privacy.people.lake_view import LakeView
from pipeline.privacy.people.shown import media_urls
from pipeline.suppression.matcher import original_key
from pipeline.walk import ledger as tables

_CHUNK = 500


@dataclass(slots=True)
class Talks:
    """One person's conversations and messages, by what is to become of them."""

    personal: set[str] = field(default_factory=set, repr=False)
    default: set[str] = field(default_factory=set, repr=False)
    group: set[str] = field(default_factory=set, repr=False)
    message_ids: set[str] = field(default_factory=set, repr=False)
    original_messages: set[str] = field(default_factory=set, repr=False)
    media_urls: set[str] = field(default_factory=set, repr=False)


@dataclass(frozen=True, slots=True)
class KnownUpstream:
    """What upstream says of a conversation that somebody in the batch takes part in."""

    type: str | None
    is_default: bool
    user_ids: frozenset[str] = field(repr=False)


def sort_talks(
    view: LakeView, facts: Sequence[Facts], *, upstream: Mapping[str, KnownUpstream], media_hosts: Collection[str]
) -> list[Talks]:
    """Sort each person's conversations. Needs the table `person`; `facts` are in the order of its numbers.

    A conversation is a group if its type says so in any version, or another user ever took part or wrote in it, or
    nobody knows who takes part. `media_hosts` are those whose uploads the API removes.
    """
    _add_listed(view, facts)
    pairs = [(number, item) for number, fact in enumerate(facts) for item in sorted(fact.conversation_ids)]
    view.put("talk", {"subject": [n for n, _ in pairs], "conversation_id": [item for _, item in pairs]})
    heads = _heads(view)
    shared, peopled = _members(view)
    talks = [Talks() for _ in facts]
    for number, conversation_id in pairs:
        is_group, is_typed, is_default = heads.get(conversation_id, (False, False, False))
        above = upstream.get(conversation_id)
        if above is not None:
            is_group, is_typed = is_group or above.type == "sdkGroup", True
            is_default = is_default or above.is_default
        others = above is not None and not above.user_ids <= facts[number].user_ids
        known = is_typed or (number, conversation_id) in peopled
        if is_group or others or (number, conversation_id) in shared or not known:
            talks[number].group.add(conversation_id)
            continue
        talks[number].personal.add(conversation_id)
        if is_default:
            talks[number].default.add(conversation_id)
    _messages(view, facts, talks, media_hosts)
    return talks


def _add_listed(view: LakeView, facts: Sequence[Facts]) -> None:
    """Add the conversations that upstream listed for a user, of which perhaps no row came into the lake."""
    owner = {user_id: fact for fact in facts for user_id in fact.user_ids}
    columns = tables.conversations.c
    remaining = iter(owner)
    with view.ledger.read() as connection:
        while chunk := list(islice(remaining, _CHUNK)):
            query = sa.select(columns.conversation_id, columns.via_user_id)
            query = query.where(columns.app_id == view.app_id, columns.via_user_id.in_(chunk))
            for row in connection.execute(query):
                owner[row.via_user_id].conversation_ids.add(row.conversation_id)


def _heads(view: LakeView) -> dict[str, tuple[bool, bool, bool]]:
    query = """
        select
            conversation_id,
            coalesce(bool_or(type = 'sdkGroup'), false),
            coalesce(bool_or(type is not null), false),
            coalesce(bool_or(is_default), false)
        from conversations
        where conversation_id in (select conversation_id from talk)
        group by conversation_id
    """
    return {key: (is_group, is_typed, is_default) for key, is_group, is_typed, is_default in view.rows(query)}


def _members(view: LakeView) -> tuple[set[tuple[int, str]], set[tuple[int, str]]]:
    """The conversations in which each person is not alone, and those in which they are known to take part."""
    view.duck.execute("""
        create or replace temp table member as
        select conversation_id, user_id, true as takes_part from participants
        where conversation_id in (select conversation_id from talk) and user_id is not null
        union
        select conversation_id, author_user_id, false from messages
        where conversation_id in (select conversation_id from talk)
            and author_user_id is not null and author_type = 'user'
    """)
    shared: set[tuple[int, str]] = set()
    peopled: set[tuple[int, str]] = set()
    for number, conversation_id, is_shared, is_peopled in view.rows("""
        select
            talk.subject, talk.conversation_id,
            bool_or(person.user_id is null), bool_or(person.user_id is not null and member.takes_part)
        from talk
        join member using (conversation_id)
        left join person on person.subject = talk.subject and person.user_id = member.user_id
        group by all
    """):
        if is_shared:
            shared.add((number, conversation_id))
        if is_peopled:
            peopled.add((number, conversation_id))
    return shared, peopled


def _messages(view: LakeView, facts: Sequence[Facts], talks: Sequence[Talks], media_hosts: Collection[str]) -> None:
    """Add the people's own messages in groups, and the uploads in what will go."""
    whole = [(number, item) for number, talk in enumerate(talks) for item in talk.personal]
    view.put("whole", {"subject": [n for n, _ in whole], "conversation_id": [item for _, item in whole]})
    for number, conversation_id, message_id, original_id in view.rows(
        "select distinct person.subject, messages.conversation_id, messages.message_id, source_original_message_id "
        "from messages join person on person.user_id = messages.author_user_id"
    ):
        if conversation_id not in talks[number].personal:
            talks[number].message_ids.add(message_id)
            if conversation_id and original_id:
                talks[number].original_messages.add(original_key(conversation_id, original_id))
    for fact, talk in zip(facts, talks, strict=True):
        told = fact.told_message_ids.items()
        talk.message_ids.update(message for message, conversation in told if conversation not in talk.personal)
    for number, content in view.rows("""
        select person.subject, messages.content from messages
        join person on person.user_id = messages.author_user_id where messages.content like '%mediaUrl%'
        union
        select whole.subject, messages.content from messages
        join whole using (conversation_id) where messages.content like '%mediaUrl%'
    """):
        talks[number].media_urls.update(
            url for url in media_urls(exact_json.parse(content)) if _host(url) in media_hosts
        )


def media_hosts(base_url: str) -> frozenset[str]:
    """The hosts, with ports, at which an API keeps uploads: its own, and for the legacy ones a sister."""
    host = _host(base_url)
    return frozenset({host, f"media{host.removeprefix('api')}"} if host.startswith("api.") else {host})


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""
