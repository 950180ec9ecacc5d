"""Makes the plan of a batch: who, how much, where, and what it will cost. Nothing upstream or in the lake is written.

gdpr.md, section 5.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import msgspec

from pipeline.errors import LakeError, PlanRefusedError
from pipeline.lake.layout import Lake
from pipeline.privacy.people.closure import Choices, IsHeld, resolve
from pipeline.privacy.people.lake_view import LakeView, known_users, lake_version, open_view
from pipeline.privacy.people.lookup import UpstreamLookup
from pipeline.privacy.people.resolution import Macs, Resolution
from pipeline.privacy.plan.calls import expected_calls
from pipeline.privacy.plan.form import FilePlan, Plan, PlanConfig, SubjectPlan
from pipeline.privacy.plan.hits import Hits, find_hits
from pipeline.privacy.plan.mention_counts import count_mentions
from pipeline.privacy.requests.batch import encode_requests
from pipeline.privacy.requests.deadlines import Deadline
from pipeline.privacy.requests.request import Request
from pipeline.suppression.subjects import Subject
from pipeline.walk.ledger import Ledger

CALLS_PER_SECOND: Final = 10.0
ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Made:
    """A plan, which identifies nobody, and what it was made of, which belongs into the sealed work file."""

    plan: Plan
    resolutions: tuple[Resolution, ...] = field(repr=False)

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """The people whom the batch is about, with those who are nowhere to be found and are kept out only."""
        return tuple(found.subject for found in self.resolutions if found.subject is not None and found.is_admissible)


async def make_plan(
    lake: Lake,
    ledger: Ledger,
    requests: Sequence[Request],
    *,
    lookups: Mapping[str, UpstreamLookup],
    macs: Macs,
    is_held: IsHeld,
    config: PlanConfig | None = None,
    media_hosts: Mapping[str, Collection[str]] | None = None,
    calls_per_second: float = CALLS_PER_SECOND,
    now: datetime | None = None,
) -> Made:
    """Plan a batch.

    Args:
        lake: where the people are looked for.
        ledger: its ledger.
        requests: the batch.
        lookups: by app, who asks upstream; an app without one is planned offline.
        macs: the privacy keys.
        is_held: whether a legal hold covers a subject.
        config: what decides how it is carried out.
        media_hosts: by app, the hosts whose uploads the API removes.
        calls_per_second: for the estimated time.
        now: the current moment, aware.

    Raises:
        BatchError: two requests ask for different things of one person.
        PlanRefusedError: it would reach more people than is safe.
        ApiError: upstream can't be asked.
        LakeError: the lake can't be read.
    """
    chosen, moment = config or PlanConfig(), now or datetime.now(UTC)
    parts: list[_Part] = []
    for app_id in sorted({request.app_id for request in requests}):
        choices = Choices(
            include_linked=chosen.include_linked,
            override_retained=chosen.override_retained,
            media_hosts=(media_hosts or {}).get(app_id, ()),
            scope=chosen.scope,
        )
        own = [request for request in requests if request.app_id == app_id]
        asked = _Asked(app_id, own, lookups.get(app_id), macs, is_held, choices)
        parts.append(await _plan_app(lake, ledger, asked))
    versions = {part.app_id: part.version for part in parts}
    subjects = tuple(subject for part in parts for subject in _subjects(part))
    plan = Plan(
        plan_id=_plan_id(requests, versions, chosen, macs),
        created_at=moment,
        online=all(part.app_id in lookups for part in parts),
        config=chosen,
        versions=versions,
        known_users={part.app_id: known_users(ledger, part.app_id) for part in parts},
        requests=len(requests),
        subjects=subjects,
        files=tuple(file for part in parts for file in part.files),
        seconds=sum(sum(subject.calls.values()) for subject in subjects) / calls_per_second,
        confirmation=f"ERASE-{sum(subject.is_destroyed for subject in subjects)}",
    )
    _refuse_too_many(plan)
    return Made(plan, tuple(found for part in parts for found in part.resolutions))


@dataclass(frozen=True, slots=True)
class _Asked:
    """One app's part of a batch."""

    app_id: str
    requests: Sequence[Request]
    lookup: UpstreamLookup | None
    macs: Macs
    is_held: IsHeld
    choices: Choices


@dataclass(frozen=True, slots=True)
class _Part:
    """What was found of one app's part. `numbers` are the places of admissible resolutions in `hits`."""

    app_id: str
    version: str
    resolutions: list[Resolution]
    numbers: dict[int, int]
    hits: Hits
    mentions: Counter[int]
    files: tuple[FilePlan, ...]


async def _plan_app(lake: Lake, ledger: Ledger, asked: _Asked) -> _Part:
    """Plan one app; again if a commit or compaction took files away meanwhile."""
    for attempt in range(1, ATTEMPTS + 1):
        version = lake_version(ledger, asked.app_id)
        try:
            with open_view(lake, ledger, asked.app_id) as view:
                part = await _plan_view(view, asked, version)
        except LakeError:
            if attempt == ATTEMPTS or lake_version(ledger, asked.app_id) == version:
                raise
        else:
            if attempt == ATTEMPTS or lake_version(ledger, asked.app_id) == version:
                return part
    raise AssertionError


async def _plan_view(view: LakeView, asked: _Asked, version: str) -> _Part:
    resolutions = await resolve(
        view, asked.requests, lookup=asked.lookup, macs=asked.macs, is_held=asked.is_held, choices=asked.choices
    )
    acted = [number for number, found in enumerate(resolutions) if found.is_admissible]
    subjects = [subject for number in acted if (subject := resolutions[number].subject) is not None]
    hits = find_hits(view, subjects)
    files = tuple(
        FilePlan(path=path, table=size.table, rows=size.rows, hits=count, bytes=size.bytes)
        for path, count in sorted(hits.files.items())
        for size in (view.sizes[path],)
    )
    numbers = {number: place for place, number in enumerate(acted)}
    return _Part(asked.app_id, version, resolutions, numbers, hits, count_mentions(view, subjects), files)


def _subjects(part: _Part) -> list[SubjectPlan]:
    return [_subject(part, number, found) for number, found in enumerate(part.resolutions)]


def _subject(part: _Part, number: int, found: Resolution) -> SubjectPlan:
    subject, place = found.subject, part.numbers.get(number)
    requests = sorted(found.requests, key=lambda request: request.request_ref)
    base = SubjectPlan(
        app_id=part.app_id,
        tag=subject.tag if subject is not None else "",
        state=found.state,
        action=found.requests[0].action,
        request_refs=tuple(request.request_ref for request in requests),
        received_at=tuple(request.received_at for request in requests),
        due_at=min(Deadline(request.received_at).due_at for request in found.requests),
        is_acted_on=found.is_acted_on,
        linked=found.linked,
        candidates=found.candidates,
    )
    if subject is None or place is None:
        return base
    return msgspec.structs.replace(
        base,
        rows=dict(part.hits.rows[place]),
        users=len(subject.user_ids),
        personal_conversations=len(subject.personal_conversation_ids),
        default_conversations=len(subject.default_conversation_ids),
        group_conversations=len(subject.group_conversation_ids),
        own_messages_in_groups=len(subject.message_ids),
        media=len(subject.media_urls),
        shared_media=len(subject.shared_media_urls),
        quotes=part.hits.quotes[place],
        mentions=part.mentions[place],
        calls=dict(expected_calls(found)),
    )


def _plan_id(requests: Sequence[Request], versions: Mapping[str, str], config: PlanConfig, macs: Macs) -> str:
    # A bare hash of a short batch could be guessed, identifiers and all; hence the MAC inside.
    batch = macs.mac("tag", "batch", hashlib.sha256(encode_requests(requests)).hexdigest())
    return hashlib.sha256(msgspec.json.encode([batch, dict(versions), config], order="deterministic")).hexdigest()


def _refuse_too_many(plan: Plan) -> None:
    for app_id, known in plan.known_users.items():
        count = sum(subject.is_destroyed for subject in plan.subjects if subject.app_id == app_id)
        limit = max(plan.config.max_subjects, int(plan.config.max_subjects_share * known))
        if count > limit and not plan.config.override_limit:
            raise PlanRefusedError(
                f"the batch would erase {count:,} of {known:,} known users of app {app_id}, and {limit:,} are the "
                "most that is taken for no mistake; look at the input, then plan again with --override-limit"
            )
