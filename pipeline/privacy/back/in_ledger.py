"""Which ids of the erased the ledger holds, in its roster or as cursors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa

from pipeline.privacy.desk import Desk
from pipeline.suppression.redact import Policy
from pipeline.suppression.subjects import Kind
from pipeline.suppression.suppressed import Suppressed
from pipeline.walk import ledger as tables

IDS_AT_ONCE: Final = 100_000

_COLUMNS: Final[Mapping[Kind, Sequence[sa.Column[str]]]] = {
    Kind.USER: (tables.users.c.user_id, tables.users.c.merged_into, tables.conversations.c.via_user_id),
    Kind.CONVERSATION: (tables.conversations.c.conversation_id,),
    Kind.MESSAGE: (tables.conversations.c.head_id, tables.conversations.c.tail_id),
}


def ids_in_ledger(desk: Desk, app_id: str, matcher: Suppressed, *, policy: Policy) -> dict[Kind, frozenset[str]]:
    """The ids that are there and should not, by kind. Conversations stay where the words of the business do."""
    found: dict[Kind, set[str]] = defaultdict(set)
    for kind, columns in _COLUMNS.items():
        if not matcher.any_of(kind) or (kind is Kind.CONVERSATION and policy.scope != "whole"):
            continue
        for column in columns:
            query = sa.select(column).distinct().where(column.table.c.app_id == app_id, column.is_not(None))
            for part in _parts(desk, query):
                ids = pa.chunked_array([pa.array([key for (key,) in part], pa.string())])
                found[kind].update(ids.filter(matcher.has(kind, ids)).to_pylist())
    return {kind: frozenset(ids) for kind, ids in found.items() if ids}


def cut_groups(desk: Desk, app_id: str, ids: Mapping[Kind, frozenset[str]]) -> frozenset[str]:
    """The conversations that stay and whose cursors name a message that goes."""
    messages = ids.get(Kind.MESSAGE, frozenset())
    columns = tables.conversations.c
    query = sa.select(columns.conversation_id, columns.head_id, columns.tail_id).where(columns.app_id == app_id)
    found = {key for part in _parts(desk, query) for key, head, tail in part if head in messages or tail in messages}
    return frozenset(found) - ids.get(Kind.CONVERSATION, frozenset())


def _parts(desk: Desk, query: sa.Select[Any]) -> Iterator[Sequence[sa.Row[Any]]]:
    with desk.ledger.read() as connection:
        yield from connection.execution_options(yield_per=IDS_AT_ONCE).execute(query).partitions()
