"""Whose is this identifier? Asked of whole columns, with the subjects at hand (`Known`); their MACs answer it too."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
from ahocorasick_rs import BytesAhoCorasick

from pipeline.suppression.subjects import Action, Kind, Subject


class Effect(StrEnum):
    """What becomes of a person's rows."""

    DROP = "drop"  # they go
    MASK = "mask"  # they stay without what is direct
    HIDE = "hide"  # they stay, and models must not see them


EFFECTS = {
    Action.ERASE: Effect.DROP,
    Action.SUPPRESS: Effect.DROP,
    Action.PII_ONLY: Effect.MASK,
    Action.RESTRICT: Effect.HIDE,
}
"""By action; the others leave rows alone."""

ID_KINDS = (Kind.USER, Kind.CLIENT, Kind.DEVICE, Kind.PARTICIPANT, Kind.CONVERSATION, Kind.MESSAGE)
"""What may stand anywhere in JSON and makes it the subject's. Ids are unique over all kinds."""

OF_OTHERS = frozenset({Kind.GROUP, Kind.MENTIONING})
"""What stays, and is looked through for what is said of those who go."""

FEW = 64
"""So few identifiers are looked up in a column as they are."""


class Matcher(Protocol):
    """Who is to be erased or masked, of one app."""

    def has(self, kind: Kind, values: pa.ChunkedArray, *, effect: Effect = Effect.DROP) -> pa.ChunkedArray:
        """A mask without nulls: which of the strings are such identifiers."""

    def any_of(self, kind: Kind, *, effect: Effect = Effect.DROP) -> bool:
        """Whether there is any such identifier at all."""

    def effect_of(self, value: str, kinds: Collection[Kind] = ID_KINDS) -> Effect | None:
        """What becomes of whom this id belongs to; None if it belongs to nobody that is looked for."""

    def suspects(self, texts: pa.ChunkedArray) -> list[int]:
        """The rows whose JSON text may hold an id that is looked for; none that does is left out."""


class Known:
    """Subjects whose identifiers are at hand.

    Only ids make a row the subject's: an e-mail address or phone may be shared with somebody who stays.

    Args:
        subjects: of one app.
        further: ids found in the lake beside those of the subjects, all to be dropped.
    """

    def __init__(self, subjects: Iterable[Subject], *, further: Iterable[tuple[Kind, Collection[str]]] = ()) -> None:
        self._ids: dict[tuple[Kind, Effect], set[str]] = defaultdict(set)
        for subject in subjects:
            effect = EFFECTS.get(subject.action)
            if effect in {Effect.DROP, Effect.MASK}:
                self._take(subject, effect)
        for kind, ids in further:
            self._ids[kind, Effect.DROP].update(ids)
        self._arrays: dict[tuple[Kind, Effect], pa.Array] = {}

    def has(self, kind: Kind, values: pa.ChunkedArray, *, effect: Effect = Effect.DROP) -> pa.ChunkedArray:
        """As `Matcher.has`."""
        return is_in(values, self._sorted(kind, effect))

    def _sorted(self, kind: Kind, effect: Effect) -> pa.Array:
        if (kind, effect) not in self._arrays:
            self._arrays[kind, effect] = pa.array(sorted(self.ids(kind, effect=effect)), pa.string())
        return self._arrays[kind, effect]

    def any_of(self, kind: Kind, *, effect: Effect = Effect.DROP) -> bool:
        """As `Matcher.any_of`."""
        return bool(self._ids.get((kind, effect)))

    def ids(self, kind: Kind, *, effect: Effect = Effect.DROP) -> Collection[str]:
        """The identifiers of a kind."""
        return self._ids.get((kind, effect), set())

    def effect_of(self, value: str, kinds: Collection[Kind] = ID_KINDS) -> Effect | None:
        """As `Matcher.effect_of`."""
        for effect in (Effect.DROP, Effect.MASK):
            if any(value in self.ids(kind, effect=effect) for kind in kinds):
                return effect
        return None

    def suspects(self, texts: pa.ChunkedArray) -> list[int]:
        """As `Matcher.suspects`, at the speed of a search for all ids at once over the bytes of the column."""
        if self._search is None or texts.null_count == len(texts):
            return []
        found: set[int] = set()
        base = 0
        for chunk in texts.chunks:
            found.update(base + row for row in rows_with(self._search, chunk))
            base += len(chunk)
        return sorted(found)

    @cached_property
    def _search(self) -> BytesAhoCorasick | None:
        ids = {value for (kind, _), values in self._ids.items() if kind in ID_KINDS for value in values}
        if self.any_of(Kind.ORIGINAL_MESSAGE):
            ids.add(CHANNEL_QUOTE)
        return BytesAhoCorasick([*map(_quoted, sorted(ids)), *ESCAPES]) if ids else None

    def _take(self, subject: Subject, effect: Effect) -> None:
        self._ids[Kind.USER, effect] |= subject.user_ids
        if effect is Effect.MASK:
            # Devices hold nothing but what is direct, so they go (gdpr.md, section 5).
            self._ids[Kind.DEVICE, Effect.DROP] |= subject.device_ids
            return
        for kind, ids in ids_of(subject):
            self._ids[kind, effect] |= ids


def ids_of(subject: Subject) -> Iterator[tuple[Kind, frozenset[str]]]:
    """The ids by which rows are a subject's; of groups only a part is."""
    yield Kind.USER, subject.user_ids
    yield Kind.CLIENT, subject.client_ids
    yield Kind.DEVICE, subject.device_ids
    yield Kind.PARTICIPANT, subject.participant_ids
    yield Kind.CONVERSATION, subject.personal_conversation_ids
    yield Kind.GROUP, subject.group_conversation_ids
    yield Kind.MENTIONING, subject.mentioning_ids
    yield Kind.MESSAGE, subject.message_ids
    yield Kind.ORIGINAL_MESSAGE, subject.original_messages


CHANNEL_QUOTE = "externalMessageId"
"""The member of a quote that names a message by the id of its channel."""

BRAND_SEPARATOR = "\x1f"


def external_key(external_id: str, brand_id: str | None) -> str:
    """An external id with its brand as one value, as identifiers of kind `external_id` are compared."""
    return f"{brand_id or ''}{BRAND_SEPARATOR}{external_id}"


def original_key(conversation_id: str, original_id: str) -> str:
    """A message as quotes of channels name it: some channels count within each conversation."""
    return f"{conversation_id}{BRAND_SEPARATOR}{original_id}"


def is_in(values: pa.ChunkedArray, wanted: pa.Array) -> pa.ChunkedArray:
    """A mask without nulls: which of the strings are among the wanted ones, which are sorted.

    Arrow makes a table of the wanted ones for each call, so it is given those only that lie between the values' ends.
    """
    if len(wanted) > FEW:
        ends = pc.min_max(values)
        low = bisect_left(wanted, ends["min"].as_py() or "", key=str)
        high = bisect_right(wanted, ends["max"].as_py() or "", key=str)
        wanted = wanted[low:high]
    return pc.is_in(values, value_set=wanted, skip_nulls=True)


# A letter or digit may be written as an escape; whoever does so is looked at closely.
ESCAPES = tuple(rf"\u00{digits}".encode() for digits in (*(f"3{digit}" for digit in range(10)), "4", "5", "6", "7"))


def _quoted(value: str) -> bytes:
    return f'"{value}"'.encode("utf-8", "surrogatepass")


def rows_with(search: BytesAhoCorasick, texts: Any) -> Iterator[int]:
    """The rows of a string array in whose bytes something is found, or may begin or end."""
    _, offsets, data = texts.buffers()
    if not len(texts) or data is None:
        return
    ends: Sequence[int] = memoryview(offsets).cast("B").cast("i")[texts.offset : texts.offset + len(texts) + 1]
    row, last = 0, -1
    for _, start, end in search.find_matches_as_indexes(memoryview(data).cast("B")[ends[0] : ends[-1]]):
        # What is found over the end of a row may hide what begins in the next one.
        for position in (start + ends[0], end - 1 + ends[0]):
            row = _row_at(ends, position, row)
            if row != last:
                yield row
                last = row


def _row_at(ends: Sequence[int], position: int, low: int) -> int:
    """The row whose bytes include the position; not before `low`."""
    high = len(ends) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if ends[middle] <= position:
            low = middle
        else:
            high = middle
    return low
