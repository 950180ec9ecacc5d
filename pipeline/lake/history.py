"""What a store keeps of files that were replaced or removed: a bucket may keep every version of every object.

An erasure is done only when nothing of that is left. A local disk keeps nothing that a program could reach.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Leftovers:
    """How many older versions, marks of deletion and unfinished uploads there are, and the bytes of the versions."""

    versions: int = 0
    markers: int = 0
    uploads: int = 0
    bytes: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing."""
        return not (self.versions or self.markers or self.uploads)

    @property
    def words(self) -> str:
        """For people to read."""
        return (
            f"{self.versions:,} older versions of {self.bytes:,} bytes, {self.markers:,} marks of deletion, "
            f"{self.uploads:,} unfinished uploads"
        )

    def plus(self, other: Leftovers) -> Leftovers:
        """Both together."""
        return Leftovers(
            self.versions + other.versions,
            self.markers + other.markers,
            self.uploads + other.uploads,
            self.bytes + other.bytes,
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """An object below the lake's prefix, or an older version of one.

    Args:
        path: relative to the lake's root.
        version: the store's name of the version; None where it has no names for them.
        is_current: whether readers see it.
        bytes: its size.
        mark: another one means other bytes.
    """

    path: str
    version: str | None
    is_current: bool
    bytes: int
    mark: str


class History(Protocol):
    """What of a lake lies neither in its folders nor on this machine's disk.

    What is refused becomes a StorageError.
    """

    def check(self) -> tuple[str, ...]:
        """Make sure that what is older can be listed, read and removed, on an object that nobody reads.

        Returns what can't be made sure of, and where else copies go, in words for people.

        Raises:
            StorageError: a right is missing, or the store would keep versions; the message says what to do.
        """

    def unproven(self) -> tuple[str, ...]:
        """What no scan of the store can show, in words for people; nothing is written."""

    def survey(self) -> Leftovers:
        """What is there that is older than what readers see."""

    def purge(self) -> Leftovers:
        """Remove it for good; returns what was removed.

        The caller sees to it that nobody is uploading. What becomes old meanwhile may stay.
        """

    def planted(self, data: bytes) -> AbstractContextManager[list[Kept]]:
        """Items with just these bytes, one as readers see it and one for every other way to lie there.

        They are found as `items` finds all others, and are gone when the context ends.
        """

    def items(self) -> Iterator[Kept]:
        """All that a scan has to look through, older versions and all."""

    def uploads(self) -> list[str]:
        """Paths of unfinished uploads, whose parts nobody can read."""

    def fetch(self, item: Kept, target: Path) -> bool:
        """Copy an item to this machine's disk; returns False if it is gone."""
