"""Who a user is (rule R4): the id that survives all merges."""

from __future__ import annotations

from tests.sql.reference.history import History, inside, parsed
from tests.sql.reference.live import live_rows


class Identities:
    """The merges of all apps, from the ledger and from webhook events."""

    def __init__(self, history: History) -> None:
        self._survivors: dict[tuple[str, str], str] = {}
        for row in history.rows("user_merges"):
            self._survivors[row["app_id"], row["discarded_user_id"]] = row["surviving_user_id"]
        for row in live_rows(history, "events"):
            users = inside(parsed(row.get("payload")), "mergedUsers")
            discarded, surviving = inside(users, "discarded", "id"), inside(users, "surviving", "id")
            if row["type"] == "user:merge" and discarded and surviving:
                self._survivors[row["app_id"], discarded] = surviving

    def key(self, app_id: str, user_id: str | None) -> str | None:
        """The user's key: the end of the chain of merges; in a circle the smallest id of the circle."""
        if user_id is None:
            return None
        seen = [user_id]
        while (survivor := self._survivors.get((app_id, seen[-1]))) is not None:
            if survivor in seen:
                return min(seen[seen.index(survivor) :])
            seen.append(survivor)
        return seen[-1]

    def merged_users(self) -> set[tuple[str, str]]:
        """App and id of all users that were merged into another."""
        return {(app_id, user) for app_id, user in self._survivors if self.key(app_id, user) != user}
