"""Selects what has to go: what is older than a moment, and what upstream no longer has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import duckdb

from pipeline.bounded import connect_bounded
from pipeline.errors import ConfigError
from pipeline.lake.commit import live_files
from pipeline.lake.corruption import corruption
from pipeline.lake.layout import Lake
from pipeline.lake.tables import TABLES
from pipeline.spill import spill_folder
from pipeline.suppression.expiry import Selection
from pipeline.walk.ledger import Ledger
from pipeline.warehouse.views import text

MEMORY_LIMIT: Final = "1GB"


class Fate(StrEnum):
    """What becomes of rows that upstream no longer has."""

    ERASED = "erased"  # they are removed from the files
    TOMBSTONED = "tombstoned"  # they stay in the files, and what lies below a burying tombstone stays hidden
    KEPT = "kept"  # as `tombstoned`; for messages that fell to upstream's retention: they stay visible


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """The settings `[privacy] retention`.

    Args:
        users: of users, clients and devices that are gone.
        conversations: of conversations that are gone, and of single messages that were deleted.
        messages: of messages that upstream deleted because of their age.
    """

    users: Fate = Fate.ERASED
    conversations: Fate = Fate.ERASED
    messages: Fate = Fate.KEPT


# Reason `merged` is in none of them: the person lives on under another id, which only these rows tell. A participant
# who left is in none either: it says until when a former member saw the conversation.
_RULES: Final = (
    ("user", ("gone", "deleted"), "users"),
    ("client", ("gone", "deleted"), "users"),
    ("device", ("gone", "deleted"), "users"),
    ("conversation", ("gone", "deleted"), "conversations"),
    ("message", ("gone", "deleted"), "conversations"),
    ("message", ("retention",), "messages"),
)
_SEEN_IN: Final[Mapping[str, tuple[str, ...]]] = {
    "user": ("users", "clients", "devices"),
    "client": ("clients",),
    "device": ("devices",),
    "conversation": ("conversations", "participants", "messages"),
    "message": ("messages",),
}


def read_retention(settings: Mapping[str, str]) -> Retention:
    """The settings by name.

    Raises:
        ConfigError: a name or value is none.
    """
    known = ("users", "conversations", "messages")
    for name, value in settings.items():
        if name not in known:
            raise ConfigError(f"[privacy] retention has no setting {name!r}: use {', '.join(known)}")
        if value not in list(Fate):
            raise ConfigError(f"[privacy] retention.{name} is {value!r}: use {', '.join(Fate)}")
    return Retention(**{name: Fate(value) for name, value in settings.items()})


def select(lake: Lake, ledger: Ledger, app_id: str, *, before: datetime | None, retention: Retention) -> Selection:
    """What has to go from one app now.

    A conversation goes whole when its last message, its last update and its creation all lie before the moment, and so
    does what a cut run has left of one: participants of a conversation of which there is neither head nor message. A
    thing that came back after it was seen to be gone stays.

    Raises:
        CorruptLakeError: a file can't be read.
    """
    ids: dict[str, frozenset[str]] = {}
    with _open(lake, ledger, app_id) as duck:
        for entity, reasons, setting in _RULES:
            if getattr(retention, setting) == Fate.ERASED:
                found = frozenset(_column(duck, _buried(entity, reasons)))
                ids[entity] = ids.get(entity, frozenset()) | found
        if before is not None:
            found = frozenset(_column(duck, _INACTIVE, before))
            ids["conversation"] = ids.get("conversation", frozenset()) | found
    return Selection(messages_before=before, ids={entity: found for entity, found in ids.items() if found})


_INACTIVE: Final = """
    select conversation_id from (
        select conversation_id, greatest(last_updated_at, created_at) as active_at, true as is_known from conversations
        union all select conversation_id, received_at, true from messages
        union all select conversation_id, null, false from participants
    )
    where conversation_id is not null
    group by conversation_id
    having max(active_at) < $1 or not bool_or(is_known)
"""


def _buried(entity: str, reasons: tuple[str, ...]) -> str:
    key = f"{entity}_id"
    seen = " union all ".join(f"select {key}, exported_at from {table}" for table in _SEEN_IN[entity])
    return f"""
        with buried as (
            select entity_id, arg_max(reason, seen_at) as reason, max(seen_at) as seen_at
            from tombstones where entity = {text(entity)} group by entity_id
        ),
        newest as (select {key}, max(exported_at) as exported_at from ({seen}) group by {key})
        select {key} from newest join buried on buried.entity_id = newest.{key}
        where buried.seen_at >= newest.exported_at and buried.reason in ({", ".join(map(text, reasons))})
    """


def _column(duck: duckdb.DuckDBPyConnection, query: str, *values: datetime) -> Iterator[str]:
    cursor = duck.execute(query, list(values))
    while rows := cursor.fetchmany(10_000):
        yield from (row[0] for row in rows)


@contextmanager
def _open(lake: Lake, ledger: Ledger, app_id: str) -> Iterator[duckdb.DuckDBPyConnection]:
    files = {name: [lake.store.url(path) for path in live_files(ledger, app_id, name)] for name in TABLES}
    bounded = connect_bounded(spill_folder(lake.private), memory_limit=MEMORY_LIMIT)
    with bounded as duck, corruption([path for paths in files.values() for path in paths]):
        lake.store.attach(duck)
        duck.execute("set TimeZone = 'UTC'")
        for name, paths in files.items():
            if paths:
                duck.read_parquet(paths).create_view(name)
            else:
                duck.register(name, TABLES[name].schema.empty_table())
        yield duck
