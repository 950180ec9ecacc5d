"""Which users are one person: those that were merged, followed through any number of merges in both directions."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from pipeline.privacy.people.lake_view import LakeView
from pipeline.walk import ledger as tables


class People:
    """A partition of user ids into people (union-find)."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def join(self, one: str, other: str) -> None:
        """Let two users be one person."""
        first, second = sorted((self.of(one), self.of(other)))
        self._parents[second] = first

    def of(self, user_id: str) -> str:
        """The id that stands for the person."""
        parent = self._parents.setdefault(user_id, user_id)
        while parent != self._parents[parent]:
            parent = self._parents[parent] = self._parents[self._parents[parent]]
        self._parents[user_id] = parent
        return parent

    def members(self) -> dict[str, frozenset[str]]:
        """All people by the ids that stand for them."""
        groups: dict[str, set[str]] = {}
        for user_id in list(self._parents):
            groups.setdefault(self.of(user_id), set()).add(user_id)
        return {person: frozenset(users) for person, users in groups.items()}


def load_merges(view: LakeView) -> None:
    """Create the table `merges(one, other)` from the ledger, webhook events (stg_user_merges.sql) and clients.

    A client belongs to one user. One that was a user's who is gone, and then another's, moved in a merge that nobody
    told of: without webhooks, the API answers 404 for the discarded user and says no more.
    """
    columns = tables.users.c
    query = sa.select(columns.user_id, columns.merged_into)
    query = query.where(columns.app_id == view.app_id, columns.merged_into.is_not(None))
    with view.ledger.read() as connection:
        pairs = [(row.user_id, row.merged_into) for row in connection.execute(query)]
    view.put("ledger_merges", {"one": [one for one, _ in pairs], "other": [other for _, other in pairs]})
    view.duck.execute("""
        create or replace temp table merges as
        with told as (
            select
                payload ->> '$.mergedUsers.discarded.id' as one,
                payload ->> '$.mergedUsers.surviving.id' as other
            from events where type = 'user:merge'
            union
            select one, other from ledger_merges
            union
            select earlier.user_id, later.user_id
            from clients as earlier
            join clients as later
                on earlier.client_id = later.client_id
                and earlier.user_id != later.user_id
                and earlier.exported_at < later.exported_at
            where earlier.user_id in (select entity_id from tombstones where entity = 'user')
        )
        select one, other from told where one is not null and other is not null and one != other
        union
        select other, one from told where one is not null and other is not null and one != other
    """)


def close_over(view: LakeView, people: People, user_ids: Iterable[str]) -> None:
    """Join everybody with whom these users were merged, and those with whom they were, until nobody is new."""
    view.put("frontier", {"user_id": sorted(set(user_ids))})
    view.duck.execute("create or replace temp table reached as select user_id from frontier")
    while True:
        view.duck.execute("""
            create or replace temp table frontier as
            select distinct merges.other as user_id
            from merges semi join frontier on merges.one = frontier.user_id
            where merges.other not in (select user_id from reached)
        """)
        if not view.duck.execute("select count(*) from frontier").fetchall()[0][0]:
            break
        view.duck.execute("insert into reached select user_id from frontier")
    for one, other in view.rows("select one, other from merges where one in (select user_id from reached)"):
        people.join(one, other)
