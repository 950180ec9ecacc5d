"""How much of an app the walk has reached: what is known, what became of it, and how it was found."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from pipeline.walk import ledger as tables
from pipeline.walk.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Coverage:
    """Counts of one app's users or conversations.

    `by_state` and `by_source` each add up to `known`; `pending` is what the current or next run will visit.
    """

    known: int
    pending: int
    by_state: dict[str, int]
    by_source: dict[str, int]


@dataclass(frozen=True, slots=True)
class AppCoverage:
    """Coverage of one app.

    `messages` is the number of distinct messages that the lake shows for its conversations; `unresolved_seeds` that of
    the external ids and e-mails that named nobody when they were last asked for.
    """

    app_id: str
    users: Coverage
    conversations: Coverage
    messages: int
    complete_conversations: int
    unresolved_seeds: int


def app_coverage(ledger: Ledger, app_id: str) -> AppCoverage:
    """Count what the ledger knows of an app."""
    columns = tables.conversations.c
    with ledger.read() as connection:
        messages, complete = connection.execute(
            sa.select(
                sa.func.coalesce(sa.func.sum(columns.messages), 0),
                sa.func.coalesce(sa.func.sum(sa.case((columns.complete, 1), else_=0)), 0),
            ).where(columns.app_id == app_id, columns.state != "gone")
        ).one()
        unresolved = connection.scalar(
            sa.select(sa.func.count())
            .select_from(tables.aliases)
            .where(tables.aliases.c.app_id == app_id, tables.aliases.c.user_id.is_(None))
        )
        return AppCoverage(
            app_id=app_id,
            users=_coverage(connection, tables.users, app_id),
            conversations=_coverage(connection, tables.conversations, app_id),
            messages=int(messages),
            complete_conversations=int(complete),
            unresolved_seeds=unresolved or 0,
        )


def pending(ledger: Ledger, app_id: str) -> tuple[int, int]:
    """How many users and conversations wait for a visit; cheap, since an index holds just these."""
    with ledger.read() as connection:
        counts = [
            connection.scalar(
                sa.select(sa.func.count()).select_from(table).where(table.c.app_id == app_id, table.c.pending > 0)
            )
            for table in (tables.users, tables.conversations)
        ]
    return (counts[0] or 0, counts[1] or 0)


def is_known(ledger: Ledger, app_id: str) -> bool:
    """Whether anything is known to start a walk from."""
    with ledger.read() as connection:
        return any(
            connection.scalar(sa.select(table.c.app_id).where(table.c.app_id == app_id).limit(1)) is not None
            for table in (tables.users, tables.conversations)
        )


def _coverage(connection: sa.Connection, table: sa.Table, app_id: str) -> Coverage:
    columns = table.c
    query = (
        sa.select(
            columns.state,
            columns.found_by,
            sa.func.count().label("n"),
            sa.func.sum(sa.case((columns.pending > 0, 1), else_=0)).label("pending"),
        )
        .where(columns.app_id == app_id)
        .group_by(columns.state, columns.found_by)
    )
    by_state: dict[str, int] = {}
    by_source: dict[str, int] = {}
    known = waiting = 0
    for row in connection.execute(query):
        known += row.n
        waiting += row.pending
        by_state[row.state] = by_state.get(row.state, 0) + row.n
        by_source[row.found_by] = by_source.get(row.found_by, 0) + row.n
    return Coverage(known, waiting, dict(sorted(by_state.items())), dict(sorted(by_source.items())))
