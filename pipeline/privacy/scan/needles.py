"""What the verification scan looks for: all that would give a subject away (gdpr.md, section 8).

What is too short or too common would be found everywhere by chance; it is left out, and the report says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

from pipeline.suppression.subjects import Action, Subject, phone_forms


class NeedleKind(StrEnum):
    """What a needle is."""

    USER_ID = "user_id"
    CLIENT_ID = "client_id"
    DEVICE_ID = "device_id"
    PARTICIPANT_ID = "participant_id"
    CONVERSATION_ID = "conversation_id"
    MESSAGE_ID = "message_id"
    EXTERNAL_ID = "external_id"
    EMAIL = "email"
    PHONE = "phone"
    CLIENT_EXTERNAL_ID = "client_external_id"
    GUID = "guid"
    MEDIA_URL = "media_url"
    PUSH_TOKEN = "push_token"  # noqa: S105 - the name of a kind
    NAME = "name"
    CANARY = "canary"


class LeftOut(StrEnum):
    """Why a value is not looked for."""

    SHORT = "shorter than 6 characters, or 7 digits"
    TRIVIAL = "made of one or two different characters"
    COMMON = "a common word"
    SHARED = "shared with somebody who stays"


class Edge(StrEnum):
    """What may stand beside a needle in a text."""

    NONE = "none"  # anything: it is long and random
    WORD = "word"  # no letter and no digit
    EMAIL = "email"  # likewise, and no further part of an address before it
    NAME = "name"  # likewise, but for the s of a genitive behind it


MENTION_KINDS: Final = frozenset(
    {
        NeedleKind.EMAIL,
        NeedleKind.PHONE,
        NeedleKind.EXTERNAL_ID,
        NeedleKind.CLIENT_EXTERNAL_ID,
        NeedleKind.NAME,
    }
)
"""Kinds that may stay in rows that mentions=report lists (gdpr.md, section 5)."""

SHORTEST: Final = 6
SHORTEST_DIGITS: Final = 7
_RANDOM: Final = 16  # characters from which a value without meaning is never met by chance

_EXACT: Final = frozenset({NeedleKind.EXTERNAL_ID, NeedleKind.CLIENT_EXTERNAL_ID, NeedleKind.PUSH_TOKEN})
_COMMON: Final = frozenset(
    {
        *("unknown", "anonymous", "undefined", "customer", "visitor", "default", "nobody", "someone", "username"),
        *(
            "guest user",
            "web user",
            "test user",
            "unknown user",
            "anonymous user",
            "first last",
            "john doe",
            "jane doe",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Needle:
    """A value to look for.

    Args:
        kind: what it is.
        value: the value.
        edge: what may stand beside it.
        exact: whether only the given and the lower case form count as the value.
    """

    kind: NeedleKind
    value: str = field(repr=False)
    edge: Edge = Edge.NONE
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Needles:
    """The needles of a batch, and how many values of which kind were left out for which reason."""

    needles: tuple[Needle, ...] = field(repr=False)
    left_out: dict[tuple[NeedleKind, LeftOut], int]

    @property
    def counts(self) -> dict[NeedleKind, int]:
        """How many needles there are of each kind."""
        return dict(Counter(needle.kind for needle in self.needles))


def needles_of(
    subjects: Sequence[Subject], *, shared: Collection[str] = (), scope: Literal["whole", "authored"] = "whole"
) -> Needles:
    """The needles of those subjects that are to be erased, in whole or in their direct identifiers.

    Args:
        subjects: the resolved subjects.
        shared: values that also belong to people who stay, such as an address of a family.
        scope: "authored" keeps personal conversations with the words of the business, and so their ids.
    """
    values = dict.fromkeys(pair for subject in subjects for pair in _values(subject))
    if scope == "authored":
        values = dict.fromkeys(pair for pair in values if pair[0] is not NeedleKind.CONVERSATION_ID)
    needles, left_out = [], Counter[tuple[NeedleKind, LeftOut]]()
    for kind, value in values:
        reason = LeftOut.SHARED if value in shared else _unfit(value)
        if reason is not None:
            left_out[kind, reason] += 1
        else:
            needles.append(Needle(kind, value, _edge(kind, value), kind in _EXACT))
    return Needles(tuple(needles), dict(left_out))


def _values(subject: Subject) -> Iterator[tuple[NeedleKind, str]]:
    if subject.action not in {Action.ERASE, Action.PII_ONLY}:
        return
    yield from _each(NeedleKind.EXTERNAL_ID, (value for value, _ in subject.external_ids))
    yield from _each(NeedleKind.EMAIL, subject.emails)
    yield from _each(NeedleKind.PHONE, (form for phone in subject.phones for form in phone_forms(phone)))
    yield from _each(NeedleKind.CLIENT_EXTERNAL_ID, subject.client_external_ids)
    yield from _each(NeedleKind.GUID, subject.guids)
    yield from _each(NeedleKind.PUSH_TOKEN, subject.push_tokens)
    yield from _each(NeedleKind.NAME, (f"{given} {surname}" for given, surname in subject.names))
    if subject.action is Action.ERASE:
        yield from _each(NeedleKind.USER_ID, subject.user_ids)
        yield from _each(NeedleKind.CLIENT_ID, subject.client_ids)
        yield from _each(NeedleKind.DEVICE_ID, subject.device_ids)
        yield from _each(NeedleKind.PARTICIPANT_ID, subject.participant_ids)
        yield from _each(NeedleKind.CONVERSATION_ID, subject.personal_conversation_ids)
        yield from _each(NeedleKind.MESSAGE_ID, subject.message_ids)
        yield from _each(NeedleKind.MEDIA_URL, subject.media_urls)


def _each(kind: NeedleKind, values: Iterable[str]) -> Iterator[tuple[NeedleKind, str]]:
    return ((kind, value) for value in sorted(values))


def _unfit(value: str) -> LeftOut | None:
    shortest = SHORTEST_DIGITS if value.isdigit() else SHORTEST
    if len(value) < shortest:
        return LeftOut.SHORT
    if len(set(value)) <= 2:
        return LeftOut.TRIVIAL
    return LeftOut.COMMON if value.casefold() in _COMMON else None


def _edge(kind: NeedleKind, value: str) -> Edge:
    if kind is NeedleKind.EMAIL:
        return Edge.EMAIL
    if kind is NeedleKind.NAME:
        return Edge.NAME
    return Edge.WORD if len(value) < _RANDOM or value.isdigit() else Edge.NONE
