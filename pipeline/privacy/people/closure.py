"""From requests to people: everything by which each is known, in all versions of the lake and upstream.

A batch is resolved as a whole, in a few queries, and nothing is written (gdpr.md, section 5).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from pipeline.errors import BatchError
from pipeline.privacy.people.facts import Facts
from pipeline.privacy.people.find import find_channel_ids, find_emails
from pipeline.privacy.people.gather import gather
from pipeline.privacy.people.lake_view import LakeView
from pipeline.privacy.people.lookup import UpstreamLookup
from pipeline.privacy.people.merges import People, close_over, load_merges
from pipeline.privacy.people.readings import Reading, read_requests
from pipeline.privacy.people.resolution import DESTRUCTIVE, OF_SOMEBODY, Macs, Resolution, State
from pipeline.privacy.people.shown import spare_shown
from pipeline.privacy.people.subject_of import subject_of
from pipeline.privacy.people.talks import sort_talks
from pipeline.privacy.people.upstream_side import Upstream
from pipeline.privacy.requests.request import Identifier, Request
from pipeline.suppression.subjects import Action, Subject

TALKS_OF: Final = frozenset({Action.ERASE, Action.ACCESS})
"""Actions for which upstream is asked for conversations, too."""

IsHeld = Callable[[Subject], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """How to resolve.

    Args:
        include_linked: take other users who share an e-mail address or phone number for the same person.
        override_retained: act on users whom Zendesk's inactivity deletion is told to spare.
        media_hosts: hosts whose uploads the API removes (`talks.media_hosts`).
        scope: whether personal conversations go whole, or only what the person wrote.
    """

    include_linked: bool = False
    override_retained: bool = False
    media_hosts: Collection[str] = ()
    scope: Literal["whole", "authored"] = "whole"


@dataclass(slots=True)
class _Person:
    """A person in the making: who they are, and which requests ask for them."""

    user_ids: frozenset[str] = field(repr=False)
    numbers: list[int]
    linked: int = 0


async def resolve(
    view: LakeView,
    requests: Sequence[Request],
    *,
    lookup: UpstreamLookup | None,
    macs: Macs,
    is_held: IsHeld,
    choices: Choices | None = None,
) -> list[Resolution]:
    """Find the people whom requests of one app mean; one resolution for each, and for each request that is ambiguous.

    Args:
        view: the app's rows.
        requests: of this app.
        lookup: asks upstream; None makes an offline plan.
        macs: makes the tags.
        is_held: whether a legal hold covers a subject.
        choices: how.

    Raises:
        BatchError: two requests ask for different things of one person; the message names their lines.
        ApiError: upstream can't be asked.
    """
    chosen = choices or Choices()
    upstream = Upstream(lookup) if lookup is not None else None
    load_merges(view)
    readings = await read_requests(view, requests, upstream)
    people = People()
    await _close(view, people, {user for reading in readings for user in reading.all}, upstream)
    if chosen.include_linked:
        _join_readings(people, readings)
    ambiguous = {n: count for n, reading in enumerate(readings) if (count := _candidates(people, reading)) > 1}
    persons = _persons(people, requests, readings, ambiguous)
    if chosen.include_linked:
        for person, linked in zip(persons, _linked(view, gather(view, [p.user_ids for p in persons])), strict=True):
            for user_id in linked if person.user_ids else ():
                people.join(next(iter(person.user_ids)), user_id)
        await _close(view, people, _all(people), upstream)
        persons = _persons(people, requests, readings, ambiguous)
    _refuse_contradictions(requests, persons)
    facts = gather(view, [person.user_ids for person in persons])
    for person, linked in zip(persons, _linked(view, facts), strict=True):
        person.linked = len(linked)
    if upstream is not None:
        await _ask_talks(upstream, requests, persons, facts)
    known = upstream.conversations if upstream is not None else {}
    talks = sort_talks(view, facts, upstream=known, media_hosts=chosen.media_hosts)
    found = []
    for person, fact, talk in zip(persons, facts, talks, strict=True):
        own = tuple(requests[number] for number in person.numbers)
        subject = subject_of(view.app_id, own, fact, talk, macs=macs)
        state, living = _state(subject, fact, upstream, is_held=is_held, choices=chosen), _living(fact, upstream)
        if state is State.NOT_FOUND and not living and subject.action in OF_SOMEBODY:
            subject = replace(subject, not_found=True)
        found.append(
            Resolution(requests=own, state=state, subject=subject, living_user_ids=living, linked=person.linked)
        )
    found = spare_shown(view, found, scope=chosen.scope)
    return found + [
        Resolution(requests=(requests[number],), state=State.AMBIGUOUS, subject=None, candidates=count)
        for number, count in ambiguous.items()
    ]


async def _close(view: LakeView, people: People, user_ids: Collection[str], upstream: Upstream | None) -> None:
    """Follow merges in the lake and upstream until neither knows anybody new."""
    new = set(user_ids)
    while new:
        close_over(view, people, new)
        for user_id in new:
            people.of(user_id)
        new = await upstream.check(sorted(_all(people)), people) if upstream is not None else set()


def _all(people: People) -> set[str]:
    return {user_id for users in people.members().values() for user_id in users}


def _join_readings(people: People, readings: Sequence[Reading]) -> None:
    """Users whom one address means are one person, if those who share it are to be included."""
    for reading in readings:
        users = sorted(reading.named)
        for user_id in users[1:]:
            people.join(users[0], user_id)


def _candidates(people: People, reading: Reading) -> int:
    """How many people a request may mean; a wrong kind of identifier is as doubtful as two people."""
    count = len({people.of(user_id) for user_id in reading.all})
    return max(count, 2) if reading.otherwise and not reading.named else count


def _persons(
    people: People, requests: Sequence[Request], readings: Sequence[Reading], ambiguous: Collection[int]
) -> list[_Person]:
    """The people of the unambiguous requests, in the order of their first request."""
    members = people.members()
    persons: dict[object, _Person] = {}
    for number, (request, reading) in enumerate(zip(requests, readings, strict=True)):
        if number in ambiguous:
            continue
        if reading.named:
            key: object = people.of(next(iter(reading.named)))
            users = members[people.of(next(iter(reading.named)))]
        else:
            key = (request.kind, request.value, request.brand_id, request.integration_id)
            users = frozenset({request.value} if request.kind is Identifier.USER_ID else ())
        persons.setdefault(key, _Person(users, [])).numbers.append(number)
    return list(persons.values())


def _refuse_contradictions(requests: Sequence[Request], persons: Sequence[_Person]) -> None:
    wrong = []
    for person in persons:
        asked: dict[Action, int] = {}
        for number in person.numbers:
            asked.setdefault(requests[number].action, requests[number].line)
        if len(asked) > 1:
            wrong.append(" and ".join(f"{line} ({action})" for action, line in asked.items()))
    if wrong:
        raise BatchError(
            "different things are asked for of one person in lines "
            + "; ".join(wrong[:10])
            + "; split them into batches of their own"
        )


def _linked(view: LakeView, facts: Sequence[Facts]) -> list[set[str]]:
    """Other users who have or had an e-mail address or phone number of each person."""
    emails = find_emails(view, [(number, email) for number, fact in enumerate(facts) for email in sorted(fact.emails)])
    phones = find_channel_ids(
        view, [(number, phone, None) for number, fact in enumerate(facts) for phone in sorted(fact.phones)]
    )
    found: dict[int, set[str]] = defaultdict(set)
    for answer in (emails, phones):
        for number, users in answer.items():
            found[number] |= users
    return [found[number] - fact.user_ids for number, fact in enumerate(facts)]


async def _ask_talks(
    upstream: Upstream, requests: Sequence[Request], persons: Sequence[_Person], facts: Sequence[Facts]
) -> None:
    wanted = [person for person in persons if requests[person.numbers[0]].action in TALKS_OF]
    await upstream.list_talks(sorted({user_id for person in wanted for user_id in person.user_ids}))
    for person, fact in zip(persons, facts, strict=True):
        for user_id in person.user_ids:
            fact.conversation_ids |= upstream.of_user.get(user_id, set())
            user = upstream.users.get(user_id)
            if user is not None:
                fact.add_user(user.external_id, user.brand_id, {})
                fact.emails |= user.emails
                fact.to_be_retained = fact.to_be_retained or user.to_be_retained


def _living(fact: Facts, upstream: Upstream | None) -> frozenset[str]:
    if upstream is None:
        return frozenset(fact.user_ids)
    return frozenset(user_id for user_id in fact.user_ids if upstream.lives(user_id))


def _state(subject: Subject, fact: Facts, upstream: Upstream | None, *, is_held: IsHeld, choices: Choices) -> State:
    if subject.action in DESTRUCTIVE:
        if is_held(subject):
            return State.HELD
        if fact.to_be_retained and not choices.override_retained:
            return State.RETAINED_FLAG
    if upstream is None:
        return State.MATCHED if fact.in_lake else State.NOT_FOUND
    return _STATES[fact.in_lake, bool(_living(fact, upstream))]


_STATES: Final = {
    (True, True): State.MATCHED,
    (True, False): State.LAKE_ONLY,
    (False, True): State.UPSTREAM_ONLY,
    (False, False): State.NOT_FOUND,
}
