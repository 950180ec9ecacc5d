"""Keeps the subjects of a batch up to date with what the lake and upstream have learned since the plan was made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.privacy.closure import Choices, resolve
from pipeline.privacy.desk import Desk
from pipeline.privacy.lake_view import open_view
from pipeline.privacy.request import Request
from pipeline.privacy.talks import media_hosts
from pipeline.suppression.subjects import Subject


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
            choices = Choices(override_retained=True, media_hosts=media_hosts(desk.settings.app(app_id).base_url))
            newer = await resolve(view, own, lookup=None, macs=desk.keyring, is_held=lambda _: False, choices=choices)
        known = [resolution.subject for resolution in newer if resolution.subject is not None]
        found = [_merged(subject, known) if subject.app_id == app_id else subject for subject in found]
    return found


def _merged(subject: Subject, known: Sequence[Subject]) -> Subject:
    """The subject with what others say who share a user or a request with it; its tag stays."""
    for other in known:
        if subject.user_ids & other.user_ids or set(subject.request_refs) & set(other.request_refs):
            subject = joined(subject, other)
    return subject


def joined(subject: Subject, other: Subject) -> Subject:
    """The subject with all that another description of the same person adds; what is a group for one is for both."""
    groups = subject.group_conversation_ids | other.group_conversation_ids
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
        external_ids=subject.external_ids | other.external_ids,
        emails=subject.emails | other.emails,
        phones=subject.phones | other.phones,
        client_external_ids=subject.client_external_ids | other.client_external_ids,
        guids=subject.guids | other.guids,
        media_urls=subject.media_urls | other.media_urls,
        push_tokens=subject.push_tokens | other.push_tokens,
        names=subject.names | other.names,
    )
