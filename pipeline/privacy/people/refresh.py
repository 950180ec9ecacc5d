"""Keeps the subjects of a batch up to date with what the lake and upstream have learned since the plan was made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pipeline.privacy.desk import Desk
from pipeline.privacy.people.closure import Choices, resolve
from pipeline.privacy.people.lake_view import LakeView, open_view
from pipeline.privacy.people.resolution import State
from pipeline.privacy.people.talks import media_hosts
from pipeline.privacy.requests.request import Request
from pipeline.suppression.subjects import Action, Subject


async def refreshed(desk: Desk, subjects: Sequence[Subject], requests: Sequence[Request]) -> list[Subject]:
    """The subjects with what an export may have brought since: conversations, clients, addresses.

    Call it when they are suppressed: from then on nothing more comes.

    Raises:
        LakeError: a file of the lake can't be read.
    """
    found = list(subjects)
    refs = {ref for subject in subjects for ref in subject.request_refs}
    for app_id in dict.fromkeys(subject.app_id for subject in subjects):
        own = [request for request in requests if request.app_id == app_id and request.request_ref in refs]
        with open_view(desk.lake, desk.ledger, app_id) as view:
            choices = Choices(
                override_retained=True,
                media_hosts=media_hosts(desk.settings.app(app_id).base_url),
                scope=desk.settings.privacy.scope,
            )
            newer = await resolve(view, own, lookup=None, macs=desk.keyring, is_held=lambda _: False, choices=choices)
            unpeopled = _unpeopled(view, [subject for subject in subjects if subject.app_id == app_id])
        known = [
            replace(
                one.subject,
                not_found=one.state is State.NOT_FOUND,
                group_conversation_ids=one.subject.group_conversation_ids - unpeopled,
            )
            for one in newer
            if one.subject is not None
        ]
        found = [_merged(subject, known) if subject.app_id == app_id else subject for subject in found]
    return found


def _unpeopled(view: LakeView, subjects: Sequence[Subject]) -> frozenset[str]:
    """Personal conversations that a run before this one took out of the lake: nothing there tells any more whose.

    What nobody knows who takes part in passes for a group; but this was known when the batch was planned.
    """
    personal = sorted(frozenset().union(*map(_personal, subjects)))
    view.put("personal", {"conversation_id": personal}, numbers=())
    return frozenset(
        conversation_id
        for (conversation_id,) in view.rows("""
            select conversation_id from personal
            except (select conversation_id from conversations union select conversation_id from participants)
        """)
    )


def with_messages(desk: Desk, subjects: Sequence[Subject]) -> list[Subject]:
    """The subjects with the ids of all messages that go with their personal conversations, the business's included.

    Quotes elsewhere name them, and nobody could tell any more once the files of messages are rewritten.

    Raises:
        LakeError: a file of the lake can't be read.
    """
    found = list(subjects)
    for app_id in dict.fromkeys(subject.app_id for subject in subjects if subject.action is Action.ERASE):
        with open_view(desk.lake, desk.ledger, app_id) as view:
            wanted = sorted({key for subject in found if _goes(subject, app_id) for key in _personal(subject)})
            view.put("personal", {"conversation_id": wanted}, numbers=())
            query = "select distinct conversation_id, message_id from messages join personal using (conversation_id)"
            if desk.settings.privacy.scope == "authored":
                query += " where author_type is distinct from 'business'"
            messages: dict[str, set[str]] = defaultdict(set)
            for conversation_id, message_id in view.rows(query):
                messages[conversation_id].add(message_id)
        found = [_with(subject, messages) if _goes(subject, app_id) else subject for subject in found]
    return found


def _goes(subject: Subject, app_id: str) -> bool:
    return subject.action is Action.ERASE and subject.app_id == app_id


def _personal(subject: Subject) -> frozenset[str]:
    return subject.personal_conversation_ids | subject.default_conversation_ids


def _with(subject: Subject, messages: Mapping[str, set[str]]) -> Subject:
    ids = subject.message_ids.union(*(messages.get(key, ()) for key in _personal(subject)))
    return replace(subject, message_ids=ids)


def _merged(subject: Subject, known: Sequence[Subject]) -> Subject:
    """The subject with what others say who share a user or a request with it; its tag stays."""
    for other in known:
        if subject.user_ids & other.user_ids or set(subject.request_refs) & set(other.request_refs):
            subject = joined(subject, other)
    return subject


def joined(subject: Subject, other: Subject) -> Subject:
    """The subject with all that another description of the same person adds; what is a group for one is for both."""
    groups = subject.group_conversation_ids | other.group_conversation_ids
    shared_media = subject.shared_media_urls | other.shared_media_urls
    return replace(
        subject,
        user_ids=subject.user_ids | other.user_ids,
        client_ids=subject.client_ids | other.client_ids,
        device_ids=subject.device_ids | other.device_ids,
        participant_ids=subject.participant_ids | other.participant_ids,
        personal_conversation_ids=(subject.personal_conversation_ids | other.personal_conversation_ids) - groups,
        default_conversation_ids=(subject.default_conversation_ids | other.default_conversation_ids) - groups,
        group_conversation_ids=groups,
        message_ids=subject.message_ids | other.message_ids,
        original_messages=subject.original_messages | other.original_messages,
        mentioning_ids=subject.mentioning_ids | other.mentioning_ids,
        external_ids=subject.external_ids | other.external_ids,
        emails=subject.emails | other.emails,
        phones=subject.phones | other.phones,
        client_external_ids=subject.client_external_ids | other.client_external_ids,
        guids=subject.guids | other.guids,
        media_urls=(subject.media_urls | other.media_urls) - shared_media,
        shared_media_urls=shared_media,
        push_tokens=subject.push_tokens | other.push_tokens,
        names=subject.names | other.names,
        not_found=subject.not_found and other.not_found,
    )
