"""The one rule of what may stay in a table (gdpr.md, section 5).

Used when rows are admitted, when they are published, and when files are rewritten.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.lake.tables import Table
from pipeline.suppression.inside import ERASED, clean_channel_quotes, clean_ids, clean_payload, clean_quote
from pipeline.suppression.matcher import BRAND_SEPARATOR, CHANNEL_QUOTE, ID_KINDS, Effect, Matcher, original_key
from pipeline.suppression.mentions import Redacts
from pipeline.suppression.redact_mentions import redact_mentions
from pipeline.suppression.registry import ENTITY_KINDS, ERASURE_TARGETS, inside_of, keys_of, masked_of
from pipeline.suppression.row_changes import Changes, marks
from pipeline.suppression.subjects import Kind

_NAMES_OF_TALK = ("display_name", "description", "icon_url", "metadata", "extra")
_QUOTING = {"messages": "quoted_message", "events": "payload"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is a matter of choice (`[privacy]` in sunlake.toml).

    Args:
        scope: "whole" drops personal conversations, "authored" keeps what the business wrote in them.
        mentions: what to redact in surviving rows, of the subjects' groups and of where else they were mentioned; None
            leaves it.
    """

    scope: Literal["whole", "authored"] = "whole"
    mentions: Redacts | None = None


WHOLE = Policy()


@dataclass(frozen=True, slots=True)
class Redacted:
    """What is left of some rows.

    Args:
        rows: what is left, in the order that it was in.
        gone: the numbers of the rows that went, ascending, among the rows as they were.
        touched: the numbers of the rows that differ, ascending, among those that are left.
    """

    rows: pa.Table
    gone: Sequence[int] = ()
    touched: Sequence[int] = ()

    @property
    def removed(self) -> int:
        """How many rows went."""
        return len(self.gone)

    @property
    def changed(self) -> int:
        """How many rows differ."""
        return len(self.touched)


def redact(table: Table, rows: pa.Table, matcher: Matcher, *, policy: Policy = WHOLE) -> Redacted:
    """Take everything out of a table's rows that may not stay.

    Rows that stay as they are keep their values exactly, and their order. The rule applied twice changes nothing more.
    """
    left = without(rows, theirs(table, rows, matcher, policy=policy))
    changes = Changes(left.rows)
    doomed = _clean_inside(table, changes, matcher, policy)
    if table.name in _QUOTING:
        _clean_channel_quotes(_QUOTING[table.name], changes, matcher)
    _mask(table, changes, matcher)
    if policy.scope == "authored" and table.name == "conversations":
        _null(changes, _NAMES_OF_TALK, matcher.has(Kind.CONVERSATION, left.rows["conversation_id"]))
    if policy.mentions is not None:
        redact_mentions(table, changes, matcher, policy.mentions)
    return _less(left, changes, sorted(doomed))


def without(rows: pa.Table, doomed: pa.Array | pa.ChunkedArray | None) -> Redacted:
    """The rows without those of a mask, in which null means that a row stays; the rows themselves if none goes."""
    gone = [] if doomed is None else pc.indices_nonzero(doomed).to_pylist()
    if not gone:
        return Redacted(rows)
    return Redacted(rows.filter(pc.invert(pc.fill_null(doomed, fill_value=False))), gone)


def theirs(table: Table, rows: pa.Table, matcher: Matcher, *, policy: Policy = WHOLE) -> pa.ChunkedArray | None:
    """Which rows go by their key columns, as far as these are among the rows' columns; None if none can."""
    masks = []
    for name, kind in keys_of(table.name):
        if name not in rows.schema.names or not matcher.any_of(kind):
            continue
        mask = matcher.has(kind, _values(rows, name, kind))
        if kind is Kind.CONVERSATION and policy.scope == "authored":
            mask = _authored(table, rows, mask)
        masks.append(mask)
    owner = ERASURE_TARGETS[table.name].owner
    drops_masked = ERASURE_TARGETS[table.name].drops_masked and matcher.any_of(Kind.USER, effect=Effect.MASK)
    if drops_masked and owner is not None and owner in rows.schema.names:
        masks.append(matcher.has(Kind.USER, rows[owner], effect=Effect.MASK))
    if table.name == "tombstones":
        masks += _tombstones(rows, matcher, policy)
    return _either(masks)


def _less(left: Redacted, changes: Changes, doomed: list[int]) -> Redacted:
    """What is left after the changes, and without the rows that go although no key of theirs said so."""
    if not doomed:
        return Redacted(changes.rows, left.gone, sorted(changes.numbers))
    at_first = sorted(set(range(left.rows.num_rows + left.removed)).difference(left.gone))
    return Redacted(
        changes.rows.filter(pc.invert(marks(left.rows.num_rows, doomed))),
        sorted([*left.gone, *(at_first[number] for number in doomed)]),
        [number - bisect_left(doomed, number) for number in sorted(changes.numbers.difference(doomed))],
    )


def _values(rows: pa.Table, name: str, kind: Kind) -> pa.ChunkedArray:
    if kind is not Kind.EXTERNAL_ID:
        return rows[name]
    brands = pc.fill_null(rows["brand_id"], "")
    return pc.binary_join_element_wise(brands, rows[name], BRAND_SEPARATOR)


def _authored(table: Table, rows: pa.Table, mask: pa.ChunkedArray) -> pa.ChunkedArray:
    """Of the rows of personal conversations those that go although the conversation stays."""
    if table.name == "conversations":
        return pc.and_(mask, False)
    if table.name != "messages":
        return mask
    business = pc.fill_null(pc.equal(rows["author_type"], "business"), fill_value=False)
    return pc.and_(mask, pc.invert(business))


def _tombstones(rows: pa.Table, matcher: Matcher, policy: Policy) -> Iterator[pa.ChunkedArray]:
    for entity, kind in ENTITY_KINDS.items():
        if kind is Kind.CONVERSATION and policy.scope == "authored":
            continue
        if matcher.any_of(kind):
            yield pc.and_(pc.equal(rows["entity"], entity), matcher.has(kind, rows["entity_id"]))


def _either(masks: list[pa.ChunkedArray]) -> pa.ChunkedArray | None:
    found = None
    for mask in masks:
        found = mask if found is None else pc.or_(found, mask)
    return found


def _clean_inside(table: Table, changes: Changes, matcher: Matcher, policy: Policy) -> set[int]:
    """Take ids and quotes of the subjects out of JSON; returns the rows that go for what their payload says."""
    doomed: set[int] = set()
    kinds = [kind for kind in ID_KINDS if kind is not Kind.CONVERSATION or policy.scope == "whole"]

    def effect_of(value: str) -> Effect | None:
        return matcher.effect_of(value, kinds)

    for name, inside in inside_of(table.name, "ids", "quotes", "payload"):
        column = changes.rows[name]
        numbers = matcher.suspects(column)
        if not numbers:
            continue
        values: dict[int, str | None] = {}
        for number, text in zip(numbers, column.take(pa.array(numbers, pa.int64())).to_pylist(), strict=True):
            if text is None:
                continue
            raw = text.encode()
            clean = _cleaned(_CLEANERS[inside], raw, effect_of)
            if inside == "payload" and (clean is None or clean == ERASED):
                doomed.add(number)
            elif clean != raw:
                values[number] = None if clean is None else clean.decode()
        changes.put(name, values)
    return doomed


Cleaner = Callable[[bytes, Callable[[str], Effect | None]], bytes | None]

_CLEANERS: dict[str, Cleaner] = {"ids": clean_ids, "quotes": clean_quote, "payload": clean_payload}


def _cleaned(clean: Cleaner, raw: bytes, effect_of: Callable[[str], Effect | None]) -> bytes | None:
    try:
        return clean(raw, effect_of)
    except (ValueError, RecursionError):
        return ERASED  # what can't be looked into can't stay


def _clean_channel_quotes(name: str, changes: Changes, matcher: Matcher) -> None:
    """Erase the quotes that name a message of the subject by the id that its channel gave it."""
    if not matcher.any_of(Kind.ORIGINAL_MESSAGE):
        return
    column = changes.rows[name]
    mask = pc.fill_null(pc.match_substring_regex(column, rf'"{CHANNEL_QUOTE}"|\\u'), fill_value=False)
    values: dict[int, str | None] = {}
    for number in pc.indices_nonzero(mask).to_pylist():
        text, talk = column[number].as_py(), changes.rows["conversation_id"][number].as_py()

        def is_theirs(original_id: str, talk: str = talk or "") -> bool:
            found = matcher.effect_of(original_key(talk, original_id), (Kind.ORIGINAL_MESSAGE,))
            return found is Effect.DROP

        try:
            clean = clean_channel_quotes(text.encode(), is_theirs, is_quote=name == "quoted_message").decode()
        except (ValueError, RecursionError):
            clean = ERASED.decode()  # what can't be looked into can't stay
        if clean != text:
            values[number] = clean
    changes.put(name, values)


def _mask(table: Table, changes: Changes, matcher: Matcher) -> None:
    """Null what is direct in the rows of people who asked for `pii_only`."""
    owner = ERASURE_TARGETS[table.name].owner
    if owner is not None and matcher.any_of(Kind.USER, effect=Effect.MASK):
        _null(changes, masked_of(table.name), matcher.has(Kind.USER, changes.rows[owner], effect=Effect.MASK))


def _null(changes: Changes, names: Iterator[str] | tuple[str, ...], mask: pa.ChunkedArray) -> None:
    if pc.any(mask).as_py():
        for name in names:
            changes.null(name, mask)
