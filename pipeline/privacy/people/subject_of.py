"""Puts together what was found of one person into a subject, with what the requests themselves say."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.privacy.people.facts import Facts
from pipeline.privacy.people.resolution import Macs
from pipeline.privacy.people.talks import Talks
from pipeline.privacy.requests.request import Identifier, Request
from pipeline.suppression.subjects import Subject


def subject_of(app_id: str, requests: Sequence[Request], fact: Facts, talk: Talks, *, macs: Macs) -> Subject:
    """The subject of requests that mean one person; its tag is made of the least of its user ids, if it has any."""
    for request in requests:
        _add_asked(fact, request)
    first = requests[0]
    name = min(fact.user_ids) if fact.user_ids else f"{first.kind}:{first.value}"
    return Subject(
        app_id=app_id,
        tag=macs.mac("tag", app_id, name),
        action=first.action,
        request_refs=tuple(sorted(request.request_ref for request in requests)),
        user_ids=frozenset(fact.user_ids),
        client_ids=frozenset(fact.client_ids),
        device_ids=frozenset(fact.device_ids),
        participant_ids=frozenset(fact.participant_ids),
        personal_conversation_ids=frozenset(talk.personal),
        default_conversation_ids=frozenset(talk.default),
        group_conversation_ids=frozenset(talk.group),
        message_ids=frozenset(talk.message_ids),
        original_messages=frozenset(talk.original_messages),
        external_ids=frozenset(fact.external_ids),
        emails=frozenset(fact.emails),
        phones=frozenset(fact.phones),
        client_external_ids=frozenset(fact.client_external_ids),
        guids=frozenset(fact.guids),
        media_urls=frozenset(talk.media_urls),
        names=frozenset(fact.names),
    )


def _add_asked(fact: Facts, request: Request) -> None:
    """What a request names is the person's, be it known already or not."""
    match request.kind:
        case Identifier.EXTERNAL_ID if request.value not in {external_id for external_id, _ in fact.external_ids}:
            fact.external_ids.add((request.value, request.brand_id))
        case Identifier.EMAIL:
            fact.emails.add(request.value)
        case Identifier.CLIENT_EXTERNAL_ID:
            fact.add_client(None, request.value)
