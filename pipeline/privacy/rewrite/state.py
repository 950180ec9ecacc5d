"""What the ledger remembers of erased people: roster rows, aliases and cursors go, and nothing of them stays on disk.

Run after the rewrite of the lake: cursors that named erased messages move to the nearest message that is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from pipeline.bounded import connect_bounded
from pipeline.lake.corruption import corruption
from pipeline.lake.layout import Lake
from pipeline.lake.tables import TABLES
from pipeline.lake.values import format_moment
from pipeline.privacy.rewrite.hit_files import data_files
from pipeline.spill import spill_folder
from pipeline.suppression.matcher import EFFECTS, Effect
from pipeline.suppression.subjects import Subject
from pipeline.walk import ledger as tables
from pipeline.walk.ledger import Ledger
from pipeline.walk.roster import Pending
from pipeline.walk.runs import salt
from pipeline.walk.seeds import Seed, SeedKind, alias_tag

BATCH = 500
MEMORY_LIMIT = "256MB"


@dataclass(frozen=True, slots=True)
class Purged:
    """How many rows of the ledger went, and how many conversations of groups got new cursors."""

    users: int = 0
    conversations: int = 0
    aliases: int = 0
    sets: int = 0
    cursors: int = 0


@dataclass(frozen=True, slots=True)
class _Edge:
    """The ends of what is left of a conversation."""

    head_id: str
    head_at: datetime | None
    tail_id: str
    tail_at: datetime | None
    messages: int


def purge_state(
    lake: Lake,
    ledger: Ledger,
    app_id: str,
    subjects: Sequence[Subject],
    *,
    scope: Literal["whole", "authored"] = "whole",
) -> Purged:
    """Forget the erased among the subjects, and leave nothing of them in the ledger's files.

    Those who asked for less than erasure stay in the roster. So do personal conversations of which the words of the
    business stay (`scope`); nobody visits them again, since the list of suppressions names them. Safe to repeat.

    Raises:
        LedgerError: nothing was forgotten, or all was and the files still hold it; to be repeated.
        CorruptLakeError: a file of messages can't be read.
    """
    erased = [
        subject for subject in subjects if subject.app_id == app_id and EFFECTS.get(subject.action) is Effect.DROP
    ]
    users = _all(subject.user_ids for subject in erased)
    personal = _all(subject.personal_conversation_ids for subject in erased)
    groups = _all(subject.group_conversation_ids for subject in erased)
    kept = personal if scope == "authored" else []
    edges = _edges(lake, app_id, [*groups, *kept])
    key = salt(ledger)
    with ledger.write() as connection:
        forgotten = Purged(
            users=_delete(connection, tables.users, "user_id", app_id, users),
            conversations=_delete(
                connection, tables.conversations, "conversation_id", app_id, [] if kept else personal
            ),
            aliases=_delete(connection, tables.aliases, "user_id", app_id, users)
            + _delete(connection, tables.aliases, "tag", app_id, sorted(_tags(erased, key))),
            sets=_delete(connection, tables.sets, "parent_id", app_id, [*users, *personal]),
            cursors=_move_cursors(connection, app_id, [*groups, *kept], edges),
        )
        _set(connection, tables.conversations, "conversation_id", app_id, kept, pending=Pending.NO, error=None)
        _set(connection, tables.users, "merged_into", app_id, users, merged_into=None)
        _set(connection, tables.conversations, "via_user_id", app_id, users, via_user_id=None)
    ledger.scrub()
    return forgotten


def _all(parts: Iterable[frozenset[str]]) -> list[str]:
    return sorted(frozenset().union(*parts))


def _tags(subjects: Iterable[Subject], key: bytes) -> Iterator[str]:
    """The tags that stand for a subject's external ids and e-mails as seeds."""
    for subject in subjects:
        for external_id, brand_id in subject.external_ids:
            yield alias_tag(key, Seed(subject.app_id, SeedKind.EXTERNAL_ID, external_id, brand_id))
        for email in subject.emails:
            yield alias_tag(key, Seed(subject.app_id, SeedKind.EMAIL, email))


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


def _delete(connection: sa.Connection, table: sa.Table, column: str, app_id: str, ids: Sequence[str]) -> int:
    deleted = 0
    for part in _parts(ids):
        where = (table.c.app_id == app_id, table.c[column].in_(part))
        deleted += connection.execute(table.delete().where(*where)).rowcount
    return deleted


def _set(
    connection: sa.Connection, table: sa.Table, column: str, app_id: str, ids: Sequence[str], **values: int | None
) -> None:
    for part in _parts(ids):
        where = (table.c.app_id == app_id, table.c[column].in_(part))
        connection.execute(table.update().where(*where).values(values))


def _move_cursors(connection: sa.Connection, app_id: str, groups: Sequence[str], edges: Mapping[str, _Edge]) -> int:
    """Let the cursors of groups name messages that are left; one of which nothing is left begins anew."""
    columns = tables.conversations.c
    moved = 0
    for conversation_id in groups:
        edge = edges.get(conversation_id)
        where = (columns.app_id == app_id, columns.conversation_id == conversation_id)
        moved += connection.execute(tables.conversations.update().where(*where).values(_cursors(edge))).rowcount
    return moved


def _cursors(edge: _Edge | None) -> dict[str, Any]:
    if edge is None:
        cursors = dict.fromkeys(("head_id", "head_at", "tail_id", "tail_at"))
        return {**cursors, "complete": False, "messages": 0}
    return {
        "head_id": edge.head_id,
        "head_at": edge.head_at and format_moment(edge.head_at),
        "tail_id": edge.tail_id,
        "tail_at": edge.tail_at and format_moment(edge.tail_at),
        "messages": edge.messages,
    }


def _edges(lake: Lake, app_id: str, conversation_ids: Sequence[str]) -> dict[str, _Edge]:
    """The newest and oldest message that the lake holds of each conversation."""
    files = [lake.store.url(path) for path in data_files(lake, app_id, TABLES["messages"])]
    if not files or not conversation_ids:
        return {}
    with connect_bounded(spill_folder(lake.private), memory_limit=MEMORY_LIMIT) as duck, corruption(files):
        lake.store.attach(duck)
        duck.execute("create table wanted (conversation_id varchar)")
        for part in _parts(conversation_ids):
            duck.executemany("insert into wanted values ($1)", [[key] for key in part])
        duck.read_parquet(files).create_view("messages")
        found = duck.execute(_EDGES).fetchall()
    return {key: _Edge(*values) for key, *values in found}


_EDGES = """
    select
        conversation_id,
        arg_max(message_id, (received_at, message_id)),
        max(received_at),
        arg_min(message_id, (received_at, message_id)),
        min(received_at),
        count(distinct message_id)
    from messages
    where conversation_id in (select conversation_id from wanted)
    group by conversation_id
"""
