"""What has to go because of its age or because upstream no longer has it, and which rows that means.

This is the one rule: a preview counts with it, and the engine that rewrites files applies it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.lake import exact_json
from pipeline.lake.tables import TABLES, Table
from pipeline.lake.values import parse_moment
from pipeline.suppression.json_parts import fields, string
from pipeline.suppression.redact import Redacted, without

ERASED_QUOTE: Final = '{"type":"erased"}'
NOTHING: Final[frozenset[str]] = frozenset()

_ENTITIES: Final[Mapping[str, str]] = {
    "user": "user_id",
    "client": "client_id",
    "device": "device_id",
    "participant": "participant_id",
    "conversation": "conversation_id",
    "message": "message_id",
}
_MOMENTS: Final[Mapping[str, str]] = {"messages": "received_at", "events": "created_at"}
# A user who is gone keeps authorship of messages in groups whose other members remain: only what is about them goes.
_FOLLOWS: Final[Mapping[str, tuple[str, ...]]] = {
    "users": ("user",),
    "clients": ("user", "client"),
    "devices": ("user", "device", "client"),
    "conversations": ("conversation",),
    "participants": ("user", "participant", "conversation"),
    "messages": ("conversation", "message"),
    "events": ("user", "conversation", "message"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What has to go from one app.

    Args:
        messages_before: messages received, and events created, before this moment; None leaves age alone.
        ids: identifiers of what goes whole, by entity (`user`, `client`, `device`, `participant`, `conversation`,
            `message`), with the rows that belong to it. One id for each expired or buried thing is kept in memory.
    """

    messages_before: datetime | None = None
    ids: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)

    def of(self, entity: str) -> frozenset[str]:
        """The ids of one entity."""
        return self.ids.get(entity, NOTHING)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is selected by id and age is left alone."""
        return self.messages_before is None and not any(self.ids.values())


class Expiry:
    """Applies a selection to rows of the lake's tables."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._before = selection.messages_before
        self._sets = {entity: pa.array(sorted(ids), pa.string()) for entity, ids in selection.ids.items() if ids}

    @staticmethod
    def columns(table: Table) -> list[str]:
        """The columns that decide about rows of a table; none if its rows never expire."""
        if table.name == "tombstones":
            return ["entity", "entity_id"]
        names = [_ENTITIES[entity] for entity in _FOLLOWS.get(table.name, ())]
        names += [_MOMENTS[table.name]] if table.name in _MOMENTS else []
        names += ["quoted_message"] if table.name == "messages" else []
        return [name for name in names if name in table.schema.names]

    def apply(self, table: Table, rows: pa.Table) -> Redacted:
        """What stays of the rows, which have at least the columns of `columns`; others are untouched.

        Rows that change are those that lose a quote of what goes.
        """
        left = without(rows, self._doomed(table, rows))
        quotes = left.rows["quoted_message"] if table.name == "messages" else None
        if quotes is None or quotes.null_count == len(quotes):
            return left
        cleaned, changed = self._without_quotes(left.rows)
        return Redacted(cleaned, left.gone, changed) if changed else left

    def _doomed(self, table: Table, rows: pa.Table) -> pa.ChunkedArray | None:
        masks = []
        if table.name == "tombstones":
            for entity, ids in self._sets.items():
                masks.append(pc.and_(pc.equal(rows["entity"], entity), pc.is_in(rows["entity_id"], value_set=ids)))
        for entity in _FOLLOWS.get(table.name, ()):
            column = _ENTITIES[entity]
            if entity in self._sets and column in rows.column_names:
                masks.append(pc.is_in(rows[column], value_set=self._sets[entity]))
        moment = _MOMENTS.get(table.name)
        if moment is not None and self._before is not None:
            limit = pa.scalar(self._before, pa.timestamp("ms", tz="UTC"))
            masks.append(pc.fill_null(pc.less(rows[moment], limit), fill_value=False))
        # A row of which something is not known stays: there the mask is null.
        return reduce(pc.or_kleene, masks) if masks else None

    def _without_quotes(self, rows: pa.Table) -> tuple[pa.Table, list[int]]:
        """The rows as they may stay, and the numbers of those that changed."""
        place = rows.schema.get_field_index("quoted_message")
        quotes = rows.column(place).to_pylist()
        made = [quote and self._quote(quote) for quote in quotes]
        pairs = enumerate(zip(quotes, made, strict=True))
        changed = [number for number, (before, after) in pairs if before != after]
        return rows.set_column(place, rows.schema.field(place), pa.array(made, pa.string())), changed

    def _quote(self, source: str) -> str:
        """The quote, or what replaces it or the quote within it."""
        quote = fields(source)
        message = fields(quote.get("message"))
        if not message:
            return source
        received = parse_moment(string(message.get("received")) or "")
        is_old = self._before is not None and received is not None and received < self._before
        if is_old or string(message.get("id")) in self._selection.of("message"):
            return ERASED_QUOTE
        inner = message.get("quotedMessage")
        if inner is None or (made := self._quote(inner.decode())) == inner.decode():
            return source
        parts: exact_json.Overlay = {**quote, "message": {**message, "quotedMessage": made.encode()}}
        return exact_json.render(parts).decode()


EXPIRING: Final = [table for table in TABLES.values() if Expiry.columns(table)]
"""Tables of which rows may go, in the order in which they must be rewritten: tombstones last, for they still hide what
is left of a rewrite that was cut."""
