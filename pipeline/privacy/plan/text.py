"""A plan for people to read, before they confirm it. It names nobody."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from pipeline.lake.history import Leftovers
from pipeline.privacy.people.resolution import State
from pipeline.privacy.plan.form import FilePlan, Plan, SubjectPlan
from pipeline.privacy.plan.refused import refused
from pipeline.privacy.requests.deadlines import Urgency, urgency_at
from pipeline.privacy.wording import counted, people

MAX_SHOWN = 50
TAG_DIGITS = 12


def render_plan(plan: Plan, *, now: datetime) -> str:
    """The plan as text: totals, what needs a decision, then people by tag, then partitions."""
    return "\n".join(
        [*_head(plan), "", *_warnings(plan, now), *_people(plan), "", *_partitions(plan.files), "", *_foot(plan)]
    )


def _head(plan: Plan) -> Iterator[str]:
    states = Counter(str(subject.state) for subject in plan.subjects)
    rows = sum((Counter(subject.rows) for subject in plan.subjects), Counter[str]())
    calls = sum((Counter(subject.calls) for subject in plan.subjects), Counter[str]())
    yield f"plan {plan.plan_id}"
    yield f"made {plan.created_at:%Y-%m-%d %H:%M:%S} UTC, {'upstream was asked' if plan.online else 'offline'}"
    yield f"{counted(plan.requests, 'request')}, {people(len(plan.subjects))}: {_counts(states)}"
    destroyed = sum(subject.is_destroyed for subject in plan.subjects)
    yield f"{counted(destroyed, 'person is', 'people are')} erased or cleared"
    yield f"rows: {_counts(rows)}"
    yield f"files to rewrite: {len(plan.files):,}, {counted(plan.bytes_to_rewrite, 'byte')}"
    if not (older := Leftovers(**msgspec.structs.asdict(plan.older))).is_empty:
        yield f"kept by the store, and removed for good: {older.words}"
    yield f"calls: {calls.total():,} ({_counts(calls)}), about {_duration(plan.seconds)}"
    groups, own = (plan.total(name) for name in ("group_conversations", "own_messages_in_groups"))
    yield (
        f"conversations: {plan.total('personal_conversations'):,} personal "
        f"({plan.total('default_conversations'):,} default), {counted(groups, 'group')} with "
        f"{counted(own, 'own message')}"
    )
    if shared := plan.total("shared_media"):
        yield f"uploads: {plan.total('media'):,} go; {shared:,} stay, since others were sent them, too"
    yield (
        f"quotes in rows that stay: {plan.total('quotes'):,} ({plan.config.quotes}); "
        f"mentions: {plan.total('mentions'):,} ({plan.config.mentions})"
    )


def _warnings(plan: Plan, now: datetime) -> Iterator[str]:
    linked = sum(subject.linked for subject in plan.subjects)
    if linked and not plan.config.include_linked:
        others = counted(linked, "other user shares", "other users share")
        yield f"! {others} an e-mail address or phone number: see --include-linked"
    yield from (f"! {words}; the rest can be carried out" for words in refused(plan))
    missing = [subject for subject in plan.subjects if subject.state is State.NOT_FOUND]
    unknown = sum(not subject.is_acted_on for subject in missing)
    if unknown:
        remedy = "" if plan.online else "; to look for them upstream, plan without --offline"
        found = counted(unknown, "was", "were")
        yield f"! {found} not found: kept out of the lake from now on, and there is nothing to erase{remedy}"
    asked_later = sum(subject.is_destroyed for subject in missing)
    if asked_later:
        missing_here = counted(asked_later, "is", "are")
        yield f"! {missing_here} not in the lake, and upstream is asked for them when the plan is carried out"
    yield from (f"! not reached: {note}" for note in plan.notes)
    urgencies = Counter(urgency_at(now, due_at=subject.due_at) for subject in plan.subjects)
    if late := urgencies[Urgency.OVERDUE]:
        yield f"! {counted(late, 'is', 'are')} overdue"
    if soon := urgencies[Urgency.DUE_SOON]:
        yield f"! {counted(soon, 'is', 'are')} due within seven days"


def _people(plan: Plan) -> Iterator[str]:
    for subject in plan.subjects[:MAX_SHOWN]:
        yield _person(subject)
    if len(plan.subjects) > MAX_SHOWN:
        yield f"and {len(plan.subjects) - MAX_SHOWN:,} more; plan.json has them all"


def _person(subject: SubjectPlan) -> str:
    refs = ", ".join(subject.request_refs[:3]) + (" ..." if len(subject.request_refs) > 3 else "")
    parts = [
        f"{subject.tag[:TAG_DIGITS] or '-':12}  {subject.state:13}  {subject.action:8}  due {subject.due_at:%Y-%m-%d}"
    ]
    if subject.rows:
        parts.append(_counts(Counter(subject.rows)))
    if subject.candidates:
        parts.append(f"may be {subject.candidates} people")
    if subject.linked:
        parts.append(f"{subject.linked} linked")
    return f"{'  '.join(parts)}  [{refs}]"


def _partitions(files: tuple[FilePlan, ...]) -> Iterator[str]:
    sums: dict[str, list[FilePlan]] = defaultdict(list)
    for file in files:
        sums[file.partition].append(file)
    for partition, own in sorted(sums.items()):
        hits, size = sum(file.hits for file in own), sum(file.bytes for file in own)
        yield f"{partition}: {counted(hits, 'row')} in {counted(len(own), 'file')} of {counted(size, 'byte')}"


def _foot(plan: Plan) -> Iterator[str]:
    yield f"nothing was changed; to carry it out: --plan {plan.plan_id[:TAG_DIGITS]} --confirm {plan.confirmation}"


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()) if count) or "none"


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
