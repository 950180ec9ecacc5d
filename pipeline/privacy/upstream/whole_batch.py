"""Steps 3 to 8 for all subjects of a batch, app by app; one subject that fails does not stop the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from pipeline.config import Settings
from pipeline.privacy.desk import open_client
from pipeline.privacy.upstream.check import known_good
from pipeline.privacy.upstream.erase import erase_upstream
from pipeline.privacy.upstream.types import (
    Discovered,
    Journal,
    UpstreamPolicy,
    UpstreamResult,
    UpstreamStatus,
)
from pipeline.suppression.subjects import Subject

AT_ONCE: Final = 8
"""Subjects of one app that are erased at the same time; the limiter decides on the pace of calls."""

OnSubject = Callable[[Subject, UpstreamResult], None]


async def erase_all_upstream(
    settings: Settings,
    subjects: Sequence[Subject],
    *,
    journal: Journal,
    policy: UpstreamPolicy,
    on_subject: OnSubject | None = None,
) -> dict[str, UpstreamResult]:
    """Erase subjects at Sunshine Conversations; the results by tag.

    Raises:
        ConfigError: an app is not configured, or its key may not be used for deleting; nothing was sent to that app.
        ApiError: an app does not answer; nothing was sent to it.
    """
    results: dict[str, UpstreamResult] = {}
    for app_id in dict.fromkeys(subject.app_id for subject in subjects):
        mine = [subject for subject in subjects if subject.app_id == app_id]
        results |= await _erase_app(settings, app_id, mine, journal=journal, policy=policy, on_subject=on_subject)
    return results


def as_subject(subject: Subject, found: Discovered) -> Subject:
    """What upstream knows of a subject beyond the lake, as a description of the same person."""
    return Subject(
        app_id=subject.app_id,
        tag=subject.tag,
        action=subject.action,
        user_ids=frozenset(found.user_ids),
        participant_ids=frozenset(found.participant_ids),
        personal_conversation_ids=frozenset(found.personal_conversation_ids),
        default_conversation_ids=frozenset(found.default_conversation_ids),
        group_conversation_ids=frozenset(found.group_conversation_ids),
        message_ids=frozenset(found.message_ids),
        media_urls=frozenset(found.media_urls),
    )


async def _erase_app(
    settings: Settings,
    app_id: str,
    subjects: Sequence[Subject],
    *,
    journal: Journal,
    policy: UpstreamPolicy,
    on_subject: OnSubject | None,
) -> Mapping[str, UpstreamResult]:
    results: dict[str, UpstreamResult] = {}
    slots = asyncio.Semaphore(AT_ONCE)
    stopped: list[UpstreamResult] = []
    others = frozenset().union(*(subject.user_ids for subject in subjects))
    async with open_client(settings, app_id) as client:
        proof = await known_good(client, app_id)

        async def erase(subject: Subject) -> None:
            async with slots:
                if stopped:
                    # What stopped one holds for all: a revoked key, an app that is gone.
                    result = UpstreamResult(status=UpstreamStatus.FAILED_RETRYABLE, reason=stopped[0].reason)
                else:
                    own = replace(policy, also_erased=others - subject.user_ids)
                    result = await erase_upstream(client, subject, policy=own, journal=journal, known=proof)
                if result.stops_batch:
                    stopped.append(result)
                results[subject.tag] = result
                if on_subject is not None:
                    on_subject(subject, result)

        async with asyncio.TaskGroup() as group:
            for subject in subjects:
                group.create_task(erase(subject))
    return results
