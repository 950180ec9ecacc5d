"""Erases one subject at Sunshine Conversations itself: steps 3 to 8 of gdpr.md, section 5.

Every step can be run again: what is gone already is passed over, and the journal says which steps are through.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from pipeline.api.client import ApiClient
from pipeline.errors import (
    ApiError,
    AuthenticationError,
    ForbiddenError,
    NotFoundError,
    ProtocolError,
    UnavailableError,
)
from pipeline.privacy.upstream.attach import remove_attachments
from pipeline.privacy.upstream.check import KnownGood, known_good, remains_of
from pipeline.privacy.upstream.conversations import delete_conversations, empty_defaults
from pipeline.privacy.upstream.groups import clear_groups, clear_quotes, count_after, count_before, leave_groups
from pipeline.privacy.upstream.reads import Reads
from pipeline.privacy.upstream.run import UpstreamRun
from pipeline.privacy.upstream.survey import survey
from pipeline.privacy.upstream.types import (
    Journal,
    UpstreamPolicy,
    UpstreamReason,
    UpstreamResult,
    UpstreamStatus,
    UpstreamStep,
    UpstreamStopError,
)
from pipeline.privacy.upstream.users import clear_personal_information, delete_users
from pipeline.suppression.subjects import Action, Subject

CDN_CACHE = timedelta(minutes=15)
"""How long a removed upload may be served from the vendor's cache (openapi.yaml, DeleteAttachment)."""

_ERASE: tuple[tuple[UpstreamStep, Callable[[UpstreamRun], Awaitable[Any]]], ...] = (
    (UpstreamStep.ATTACH, remove_attachments),
    (UpstreamStep.GROUP_MESSAGES, clear_groups),
    (UpstreamStep.QUOTES, clear_quotes),
    (UpstreamStep.LEAVE, leave_groups),
    (UpstreamStep.CONVERSATIONS, delete_conversations),
    (UpstreamStep.DEFAULT_MESSAGES, empty_defaults),
    (UpstreamStep.PERSONAL_INFORMATION, clear_personal_information),
    (UpstreamStep.USER, delete_users),
)
_PII_ONLY = tuple(step for step in _ERASE if step[0] is UpstreamStep.PERSONAL_INFORMATION)


async def erase_upstream(
    client: ApiClient,
    subject: Subject,
    *,
    policy: UpstreamPolicy,
    journal: Journal,
    known: KnownGood | None = None,
) -> UpstreamResult:
    """Erase a subject, or for `pii_only` clear names and properties.

    Args:
        client: a client whose key is of this app.
        subject: who; the closure of merges is taken as given, what upstream knows beyond it is reported.
        policy: what becomes of quotes, and how patient to be.
        journal: records each destroying call before and after.
        known: the result of `known_good` in this run, to be shared among subjects; asked for if None.

    Raises:
        ConfigError: the key is of account scope, or the app id is none. Nothing was sent.
        ValueError: the action is neither erase nor pii_only, or the proof is of another app or client.
    """
    if subject.action not in {Action.ERASE, Action.PII_ONLY}:
        raise ValueError(f"{subject.action} erases nothing")
    if known is not None and (known.app_id != subject.app_id or known.client is not client):
        raise ValueError("the app that is known to be good is another one")
    run = None
    try:
        proof = known or await known_good(client, subject.app_id)
        run = UpstreamRun(proof, subject, policy, journal, Reads(client, subject.app_id))
        status, reason = await _erase(run)
    except UpstreamStopError as error:
        status, reason = UpstreamStatus.FATAL, error.reason
    except UnavailableError:
        status, reason = UpstreamStatus.FAILED_RETRYABLE, UpstreamReason.UNAVAILABLE
    except ApiError as error:
        status, reason = UpstreamStatus.FATAL, _reason(error)
    return UpstreamResult(status=status, reason=reason) if run is None else _result(run, status, reason)


async def _erase(run: UpstreamRun) -> tuple[UpstreamStatus, UpstreamReason | None]:
    run.survey = await survey(run.reads, run.subject)
    count_before(run)
    is_gone = True
    for step, act in _PII_ONLY if run.subject.action is Action.PII_ONLY else _ERASE:
        if not run.is_done(step):
            is_gone = await act(run) is not False
    await count_after(run)
    return await _verify(run) if is_gone else (UpstreamStatus.PENDING, UpstreamReason.NOT_VISIBLE)


async def _verify(run: UpstreamRun) -> tuple[UpstreamStatus, UpstreamReason | None]:
    """Look whether all is gone; the steps that did not achieve it are open again."""
    conversations = (run.subject.personal_conversation_ids | run.survey.personal.keys()) - run.survey.groups.keys()
    remains = await remains_of(run.reads, run.subject, conversations=conversations)
    is_pii = run.subject.action is Action.PII_ONLY
    if remains.users:
        run.end(UpstreamStep.PERSONAL_INFORMATION if is_pii else UpstreamStep.USER, "pending")
    if remains.conversations:
        run.end(UpstreamStep.CONVERSATIONS, "pending")
        run.end(UpstreamStep.DEFAULT_MESSAGES, "pending")
    if remains:
        return UpstreamStatus.PENDING, UpstreamReason.NOT_VISIBLE
    if run.survey.lives_on:
        return UpstreamStatus.PENDING, UpstreamReason.DISCOVERED
    run.end(UpstreamStep.VERIFY_UP, "done")
    return UpstreamStatus.DONE, None


def _reason(error: ApiError) -> UpstreamReason:
    if isinstance(error, NotFoundError) and error.code == "app_not_found":
        return UpstreamReason.APP_NOT_FOUND
    if isinstance(error, AuthenticationError | ForbiddenError):
        return UpstreamReason.KEY_REFUSED
    # Another 404 that came as far as this speaks of something unheard of.
    return UpstreamReason.PROTOCOL if isinstance(error, NotFoundError | ProtocolError) else UpstreamReason.REFUSED


def _result(run: UpstreamRun, status: UpstreamStatus, reason: UpstreamReason | None) -> UpstreamResult:
    return UpstreamResult(
        status=status,
        reason=reason,
        calls=dict(run.calls),
        reads=dict(run.reads.statuses),
        counts={name: count for name, count in run.counts.items() if count},
        groups=tuple(run.groups.values()),
        discovered=run.survey.discovered,
        cdn_until=None if run.removed_at is None else run.removed_at + CDN_CACHE,
    )
