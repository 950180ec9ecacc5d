"""What a bucket keeps of a lake's objects that were replaced or deleted, and its removal for good.

A version is what readers see until another lies above it; so older versions go first, and marks of deletion only where
nothing is left below them: at no instant does anything come back to sight.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby, islice
from pathlib import Path
from typing import Final

from pipeline.errors import StorageError
from pipeline.lake import storage
from pipeline.lake.history import Kept, Leftovers
from pipeline.lake.local_store import PRIVATE
from pipeline.lake.s3.bucket import PART_BYTES, Bucket, StoredObject
from pipeline.lake.s3.rules import Rules, Told, notes_of, read_rules, refuse_what_keeps
from pipeline.lake.s3.versions import Version, Versions
from pipeline.lake.tables import TABLES
from pipeline.places import S3Place

AT_ONCE: Final = 1_000
PASSES: Final = 3
"""How often what is left is looked for again: an export that runs goes on replacing objects of its own."""

NOT_REACHED: Final = (
    "copies of the bucket that others keep: backups, replicas, inventories, batch copies, other accounts",
    "access logs and trails of the bucket, which hold names of objects and addresses of readers, and no content",
    "blocks that the store keeps of what was deleted, until it cleans up",
)


class S3History:
    """What lies below the lake's prefix and is not seen; see `History`. `claim` fails if the lake is another's."""

    def __init__(self, bucket: Bucket, place: S3Place, prefix: str, *, claim: Callable[[], None]) -> None:
        self._bucket = bucket
        self._place = place
        self._prefix = prefix
        self._claim = claim
        self._versions = Versions(bucket, place)
        self._rules: Rules | None = None

    def check(self) -> tuple[str, ...]:
        """As `History.check`."""
        self._claim()
        rules = self._read_rules()
        refuse_what_keeps(rules, self._place)
        try:
            self._probe(rules)
            if rules.locks in {Told.YES, Told.DENIED}:
                self._refuse_locked()
        except StorageError as error:
            raise StorageError(f"nobody can be erased for good: {error}") from None
        return tuple(notes_of(rules))

    def unproven(self) -> tuple[str, ...]:
        """As `History.unproven`."""
        return (*notes_of(self._known_rules()), *NOT_REACHED)

    def survey(self) -> Leftovers:
        """As `History.survey`."""
        self._read_rules()
        found = Leftovers(uploads=sum(1 for prefix in self._reach() for _ in self._bucket.uploads(prefix)))
        for version in self._list(*self._reach()):
            if version.is_marker or not version.is_latest:
                found = found.plus(_count(version))
        return found

    def purge(self) -> Leftovers:
        """As `History.purge`."""
        self._claim()
        self._read_rules()
        removed = Leftovers()
        for _ in range(PASSES):
            found = self._remove(*self._reach())
            found = found.plus(Leftovers(uploads=sum(map(self._bucket.abort_uploads, self._reach()))))
            removed = removed.plus(found)
            if found.is_empty:
                break
        return removed

    def forget(self, key: str) -> None:
        """Remove all of one object but what readers see."""
        found = [version for version in self._list(key) if version.key == key]
        self._bucket.each(self._versions.delete, [each for each in found if not each.is_latest and not each.is_marker])
        self._bucket.each(self._versions.delete, [each for each in found if each.is_marker])

    @contextmanager
    def planted(self, data: bytes) -> Iterator[list[Kept]]:
        """As `History.planted`."""
        key = self._probe_key()
        try:
            for _ in range(2):
                self._bucket.put(key, data)
            yield list(self._items(key))
        finally:
            self._bucket.delete(key)
            self.forget(key)

    def items(self) -> Iterator[Kept]:
        """As `History.items`."""
        return self._items(self._prefix)

    def _items(self, prefix: str) -> Iterator[Kept]:
        if not self._has_versions(self._known_rules()):
            for found in self._bucket.list(prefix):
                yield Kept(self._path(found.key), None, is_current=True, bytes=found.bytes, mark=found.etag)
            return
        for version in self._versions.list(prefix):
            if not version.is_marker:
                name = version.version_id
                yield Kept(self._path(version.key), name, version.is_latest, version.bytes, version.etag)

    def uploads(self) -> list[str]:
        """As `History.uploads`."""
        return sorted(self._path(key) for prefix in self._reach() for key, _ in self._bucket.uploads(prefix))

    def fetch(self, item: Kept, target: Path) -> bool:
        """As `History.fetch`."""
        key = self._prefix + item.path
        with storage.storage_errors(), target.open("wb") as file:
            for start in range(0, item.bytes, PART_BYTES):
                count = min(PART_BYTES, item.bytes - start)
                if item.version is None or item.is_current:
                    # What everybody reads must not need the right to read older versions.
                    data = self._bucket.read(StoredObject(key, item.bytes, item.mark, 0), start, count)
                else:
                    data = self._versions.read(key, item.version, start, count)
                if data is None:
                    return False
                file.write(data)
        return True

    def _remove(self, *prefixes: str) -> Leftovers:
        found = Leftovers()
        for old in (self._old(*prefixes), self._marks(*prefixes)):
            while some := list(islice(old, AT_ONCE)):
                self._bucket.each(self._versions.delete, some)
                for version in some:
                    found = found.plus(_count(version))
        return found

    def _old(self, *prefixes: str) -> Iterator[Version]:
        """Versions that readers do not see."""
        for version in self._list(*prefixes):
            if not version.is_latest and not version.is_marker:
                yield version

    def _marks(self, *prefixes: str) -> Iterator[Version]:
        """Marks of deletion that hide nothing any more."""
        for _, group in groupby(self._list(*prefixes), key=lambda version: version.key):
            versions = list(group)
            if all(version.is_marker or version.is_latest for version in versions):
                yield from (version for version in versions if version.is_marker)

    def _list(self, *prefixes: str) -> Iterator[Version]:
        if self._has_versions(self._known_rules()):
            for prefix in prefixes:
                yield from self._versions.list(prefix)

    def _probe(self, rules: Rules) -> None:
        """Write, replace, read and delete an object that nobody reads, and see whether all of it is gone."""
        key = self._probe_key()
        self._bucket.put(key, b"probe")
        self._bucket.put(key, b"probed")
        if self._has_versions(rules):
            for version in self._versions.list(key):
                self._versions.read(key, version.version_id, 0, version.bytes)
        self._bucket.delete(key)
        self.forget(key)
        if any(True for _ in self._list(key)) or self._bucket.head(key) is not None:
            raise StorageError(f"{self._place} keeps versions that were deleted; use another store")
        for _ in self._bucket.uploads(key):
            pass  # whether they can be listed

    def _refuse_locked(self) -> None:
        locked: list[Version] = []

        def look(version: Version) -> None:
            if self._versions.is_locked(version):
                locked.append(version)

        kept = (version for version in self._list(*self._reach()) if not version.is_marker)
        while some := list(islice(kept, AT_ONCE)):
            self._bucket.each(look, some)
        if locked:
            raise StorageError(
                f"{self._place}: object lock or a legal hold keeps {len(locked):,} versions; "
                "wait until it ends or have it lifted"
            )

    def _read_rules(self) -> Rules:
        rules = read_rules(self._bucket.client, self._place)
        if rules.versions is Told.UNKNOWN and self._versions.are_known(self._prefix):
            rules = replace(rules, versions=Told.YES)
        self._rules = rules
        return rules

    def _known_rules(self) -> Rules:
        """The rules as they were when something was last looked for or removed."""
        return self._rules or self._read_rules()

    def _has_versions(self, rules: Rules) -> bool:
        return rules.versions in {Told.YES, Told.DENIED}

    def _reach(self) -> list[str]:
        """Where to clean up: below the lake's prefix, or where that is the whole bucket, what is sunlake's in it."""
        return [self._prefix] if self._prefix else [f"{name}/" for name in (*TABLES, PRIVATE, "marts")]

    def _probe_key(self) -> str:
        return f"{self._prefix}{PRIVATE}/probe/{secrets.token_hex(8)}"

    def _path(self, key: str) -> str:
        return key.removeprefix(self._prefix)


def _count(version: Version) -> Leftovers:
    return Leftovers(markers=1) if version.is_marker else Leftovers(versions=1, bytes=version.bytes)
