"""What all routes share: the apps of this server, their keys, its behaviour, and the deletions under way."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from pipeline.errors import UsageError
from pipeline.sandbox.auth import Key, Keyring, Scope, make_keys
from pipeline.sandbox.behaviour import Behaviour
from pipeline.sandbox.pages import Query
from pipeline.sandbox.rendered import DEFAULT_LIMIT, Rendered
from pipeline.sandbox.state import AppState
from pipeline.sandbox.world import World


@dataclass(slots=True)
class Deletion:
    """A deleted user who is still there: for `polls` more answers of GetUser, and until `due` (monotonic seconds)."""

    polls: int
    due: float


class Service:
    """The state of one server.

    Args:
        worlds: one app each.
        behaviour: how the open questions are answered.
        cache_bytes: how many bytes of rendered messages are kept.

    Raises:
        UsageError: two worlds are the same app.
    """

    def __init__(self, worlds: Sequence[World], *, behaviour: Behaviour, cache_bytes: int = DEFAULT_LIMIT) -> None:
        self.base_url = ""
        self._worlds = {world.app["id"]: world for world in worlds}
        if len(self._worlds) < len(worlds):
            raise UsageError("two worlds are the same app: give them different seeds or sizes")
        self._first_behaviour = behaviour
        self._cache_bytes = cache_bytes
        self.reset()

    def reset(self) -> None:
        """Begin anew: the worlds as they were at the start, all keys valid."""
        self.behaviour = self._first_behaviour
        self.rendered = Rendered(limit=self._cache_bytes)
        self.apps: dict[str, AppState] = {}
        self.keys: dict[str, dict[Scope, Key]] = {}
        for app_id, world in self._worlds.items():
            self.apps[app_id] = AppState(world, messages_changed=partial(self.rendered.forget, app_id))
            self.keys[app_id] = make_keys(app_id, integration_id=_custom_integration(world))
        self.keyring = Keyring(key for keys in self.keys.values() for key in keys.values())
        self._deletions: dict[tuple[str, str], Deletion] = {}

    def living_apps(self) -> Iterator[AppState]:
        """The apps that were not deleted."""
        return (app for app in self.apps.values() if not app.is_deleted)

    def delete_app(self, app: AppState) -> None:
        """Delete an app; its own keys die with it."""
        app.is_deleted = True
        self.keyring.forget_app(app.app_id)

    def delete_user(self, app: AppState, user_id: str) -> None:
        """Begin the deletion of a user."""
        deletion = Deletion(self.behaviour.delete_user_polls, time.monotonic() + self.behaviour.delete_user_ms / 1000)
        self._deletions.setdefault((app.app_id, user_id), deletion)
        self.settle()

    def polled_user(self, app: AppState, user_id: str) -> None:
        """Note that GetUser was answered."""
        deletion = self._deletions.get((app.app_id, user_id))
        if deletion is not None:
            deletion.polls -= 1

    def settle(self) -> None:
        """Finish the deletions whose time has come."""
        for (app_id, user_id), deletion in list(self._deletions.items()):
            if deletion.polls <= 0 and deletion.due <= time.monotonic():
                del self._deletions[app_id, user_id]
                self.apps[app_id].remove_user(user_id, groups=self.behaviour.deleted_user_groups)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the API, after its route and key were found.

    Attributes:
        path: as it was sent, percent-encoded.
        parameters: the decoded path parameters.
        app: the app in the path; where the path names none, the key's own app, or for an account key any.
    """

    service: Service
    key: Key
    app: AppState
    path: str
    parameters: dict[str, str]
    query: Query
    body: bytes = b""


def _custom_integration(world: World) -> str | None:
    return next(
        (integration["id"] for integration in world.integrations() if integration.get("type") == "custom"), None
    )
