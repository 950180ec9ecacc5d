"""A write-behind view of one roster table: one object per row, however many coroutines look at it.

A state that was changed stays in memory until the commit that carries it is decided, since until then the ledger would
answer with an older one. Unchanged states live only as long as someone holds them: memory is bounded by what is in
flight.
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

import sqlalchemy as sa

from pipeline.walk.ledger import Ledger
from pipeline.walk.roster import ConversationState, UserState

S = TypeVar("S", UserState, ConversationState)


@dataclasses.dataclass(frozen=True, slots=True)
class Snapshot(Generic[S]):
    """A state as it was when a step was handed to the lake, with the version that the shelf knows it by."""

    state: S
    version: int


class Shelf(Generic[S]):
    """States of one app by id."""

    def __init__(self, ledger: Ledger, table: sa.Table, kind: type[S], *, key: str, app_id: str) -> None:
        self.app_id = app_id
        self.key = key
        self._ledger = ledger
        self._table = table
        self._kind: type[S] = kind
        columns = [table.c[field.name] for field in dataclasses.fields(kind)]
        self._values = operator.attrgetter(*(column.name for column in columns))
        # Built once: to build and compile a statement costs SQLAlchemy more than SQLite needs to answer it.
        query = sa.select(*columns).where(table.c.app_id == app_id)
        self._by_id = query.where(table.c[key] == sa.bindparam("id"))
        self._by_ids = query.where(table.c[key].in_(sa.bindparam("ids", expanding=True)))
        self._by_user = (
            query.where(table.c.via_user_id == sa.bindparam("user_id")) if "via_user_id" in table.c else query
        )
        self._live: WeakValueDictionary[str, S] = WeakValueDictionary()
        self._dirty: dict[str, tuple[S, int]] = {}
        self._version = 0

    def __len__(self) -> int:
        """How many states wait for a commit."""
        return len(self._dirty)

    def get(self, ids: Iterable[str]) -> dict[str, S]:
        """The states of the ids that are known."""
        found: dict[str, S] = {}
        missing: list[str] = []
        for key in ids:
            state = self._live.get(key)
            if state is None:
                missing.append(key)
            else:
                found[key] = state
        if missing:
            is_single = len(missing) == 1  # most often, and SQLAlchemy needs half as long for it
            query, values = (self._by_id, {"id": missing[0]}) if is_single else (self._by_ids, {"ids": missing})
            found |= {self.id_of(state): state for state in self._load(query, values)}
        return found

    def add(self, state: S) -> S:
        """Take up a state that is new to the ledger; it must be marked as changed before it is let go."""
        self._live[self.id_of(state)] = state
        return state

    def changed(self, state: S) -> Snapshot[S]:
        """Keep the state until the returned snapshot is committed."""
        self._version += 1
        self._dirty[self.id_of(state)] = (state, self._version)
        return Snapshot(self._kind(*self._values(state)), self._version)

    def committed(self, snapshots: Iterable[Snapshot[S]]) -> None:
        """Let go of the states that have not changed since these snapshots."""
        for snapshot in snapshots:
            key = self.id_of(snapshot.state)
            entry = self._dirty.get(key)
            if entry is not None and entry[1] == snapshot.version:
                del self._dirty[key]

    def pending_ids(self, *, after: str, limit: int, only: sa.ColumnElement[bool] | None = None) -> Sequence[str]:
        """Ids that the ledger knows to have work to do, after the given id; `only` those whose rows satisfy it."""
        key = self._table.c[self.key]
        due = sa.select(key).where(self._table.c.app_id == self.app_id, self._table.c.pending > 0, key > after)
        query = (due if only is None else due.where(only)).order_by(key).limit(limit)
        with self._ledger.read() as connection:
            return connection.scalars(query).all()

    def of_user(self, user_id: str) -> list[S]:
        """The states that the ledger knows through a user's list, as they are now."""
        return self._load(self._by_user, {"user_id": user_id})

    def id_of(self, state: S) -> str:
        """The id of a state within its app."""
        return getattr(state, self.key)  # type: ignore[no-any-return]  # a str by construction of the two dataclasses

    def _load(self, query: sa.Select[Any], values: dict[str, Any]) -> list[S]:
        with self._ledger.read_once() as connection:
            rows = connection.execute(query, values).all()
        states = []
        for row in rows:
            state = self._kind(*row)
            # An object that is alive is newer than the row.
            states.append(self._live.setdefault(self.id_of(state), state))
        return states


def save_snapshots(
    ledger: Ledger, connection: sa.Connection, table: sa.Table, snapshots: Sequence[Snapshot[S]]
) -> None:
    """Write the newest snapshot of each state within an open transaction."""
    if not snapshots:
        return
    names = [field.name for field in dataclasses.fields(snapshots[0].state)]
    values = operator.attrgetter(*names)
    key = operator.attrgetter(*(column.name for column in table.primary_key))
    newest = {key(snapshot.state): snapshot.state for snapshot in snapshots}
    ledger.upsert(connection, table, [dict(zip(names, values(state), strict=True)) for state in newest.values()])
