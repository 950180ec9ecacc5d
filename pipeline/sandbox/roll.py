"""An ordered list whose removed records keep their place, so that a cursor that points at one of them still works."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
S = TypeVar("S")


class Roll(Generic[T]):
    """Records by id, in order; a removed record leaves a ghost: its id and place, without content."""

    __slots__ = ("_index", "_living", "ids", "items")

    def __init__(self, records: Iterable[tuple[str, T | None]]) -> None:
        self.ids: list[str] = []
        self.items: list[T | None] = []
        for record_id, item in records:
            self.ids.append(record_id)
            self.items.append(item)
        self._index: dict[str, int] | None = None
        self._living: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(self.living())

    def __iter__(self) -> Iterator[T]:
        return (item for item in self.items if item is not None)

    def living(self) -> Sequence[int]:
        """The places of the records that are no ghosts, ascending."""
        if self._living is None:
            if None in self.items:
                self._living = [place for place, item in enumerate(self.items) if item is not None]
            else:
                self._living = range(len(self.items))
        return self._living

    def place(self, record_id: str) -> int | None:
        """Where the record, or its ghost, stands."""
        if self._index is None:
            self._index = {known: place for place, known in enumerate(self.ids)}
        return self._index.get(record_id)

    def get(self, record_id: str) -> T | None:
        """The record, or None for ghosts and strangers."""
        place = self.place(record_id)
        return None if place is None else self.items[place]

    def count_before(self, place: int) -> int:
        """How many living records stand before this place."""
        return bisect_left(self.living(), place)

    def count_through(self, place: int) -> int:
        """How many living records stand before this place or at it."""
        return bisect_right(self.living(), place)

    def put(self, record_id: str, item: T) -> None:
        """Replace the record (or revive its ghost) in its place, or append it."""
        place = self.place(record_id)
        if place is None:
            self.ids.append(record_id)
            self.items.append(item)
        else:
            self.items[place] = item
        self._forget()

    def remove(self, record_id: str) -> T | None:
        """Leave a ghost; return what was there."""
        place = self.place(record_id)
        if place is None:
            return None
        item, self.items[place] = self.items[place], None
        self._living = None
        return item

    def merge(self, records: Sequence[tuple[str, T]], *, key: Callable[[T], tuple[str, str]]) -> None:
        """Sort new records in by `key`; those that stand here already keep their order, ghosts their neighbours."""
        incoming = sorted(records, key=lambda record: key(record[1]), reverse=True)
        merged: list[tuple[str, T | None]] = []
        for record_id, item in zip(self.ids, self.items, strict=True):
            while incoming and item is not None and key(incoming[-1][1]) < key(item):
                merged.append(incoming.pop())
            merged.append((record_id, item))
        merged.extend(reversed(incoming))
        self.ids = [record_id for record_id, _ in merged]
        self.items = [item for _, item in merged]
        self._forget()

    def map(self, change: Callable[[T], S]) -> Roll[S]:
        """A roll of other content in the same places."""
        return Roll(
            (known, None if item is None else change(item)) for known, item in zip(self.ids, self.items, strict=True)
        )

    def _forget(self) -> None:
        self._index = None
        self._living = None
