"""What was changed in one kind of thing since the start, laid over a world that never changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from pipeline.sandbox.roll import Roll
from pipeline.sandbox.world import JsonObject

T = TypeVar("T")


class Objects:
    """Things with an id of their own (users, conversations)."""

    def __init__(self, base: Callable[[str], JsonObject | None], base_ids: Callable[[], Iterator[str]]) -> None:
        self._base = base
        self._base_ids = base_ids
        self._changed: dict[str, JsonObject | None] = {}
        self._added: dict[str, None] = {}

    def get(self, object_id: str) -> JsonObject | None:
        """The object as it is now, or None if it is gone or never was."""
        if object_id in self._changed:
            return self._changed[object_id]
        return self._base(object_id)

    def put(self, object_id: str, value: JsonObject) -> None:
        """Add or replace."""
        if object_id not in self._changed and self._base(object_id) is None:
            self._added[object_id] = None
        self._changed[object_id] = value

    def remove(self, object_id: str) -> None:
        """Make it gone."""
        self._changed[object_id] = None

    def is_changed(self, object_id: str) -> bool:
        """Whether the world no longer knows best."""
        return object_id in self._changed

    def added(self) -> list[str]:
        """Ids of what the world does not have, in order of arrival."""
        return [object_id for object_id in self._added if self._changed[object_id] is not None]

    def changed(self) -> Iterable[tuple[str, JsonObject]]:
        """What was added or edited and is still there."""
        return ((object_id, value) for object_id, value in self._changed.items() if value is not None)

    def ids(self) -> Iterator[str]:
        """Ids of all that are there, the world's in its order, then the added ones; a walk may miss later changes."""
        for object_id in self._base_ids():
            if object_id not in self._changed or self._changed[object_id] is not None:
                yield object_id
        yield from self.added()


class Lists(Generic[T]):
    """Lists of things that belong to something (messages of a conversation, clients of a user)."""

    def __init__(self, base: Callable[[str], Sequence[T]], key: Callable[[T], str]) -> None:
        self._base = base
        self._key = key
        self._changed: dict[str, Roll[T]] = {}

    def get(self, owner_id: str) -> Roll[T]:
        """The list as it is now, to be read only."""
        changed = self._changed.get(owner_id)
        if changed is not None:
            return changed
        return Roll((self._key(item), item) for item in self._base(owner_id))

    def edit(self, owner_id: str) -> Roll[T]:
        """The list, to be changed in place: from now on it is kept in memory."""
        roll = self.get(owner_id)
        self._changed[owner_id] = roll
        return roll

    def is_changed(self, owner_id: str) -> bool:
        """Whether the world no longer knows best."""
        return owner_id in self._changed

    def clear(self, owner_id: str) -> None:
        """Remove all items of a list."""
        roll = self.edit(owner_id)
        for place in list(roll.living()):
            roll.remove(roll.ids[place])
