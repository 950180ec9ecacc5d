"""Lets DuckDB read a bucket: listing, and ranges of objects, each from one version of the object.

DuckDB 2.0 has no httpfs that could be installed offline, but takes a file system written in Python. It asks for the
ranges that a query needs, several at a time, and keeps what it read as long as `modified` says that nothing changed.
"""

from __future__ import annotations

import fnmatch
import io
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fsspec import AbstractFileSystem

from pipeline.errors import SunlakeError
from pipeline.lake.corruption import REFUSED, REPLACED
from pipeline.lake.s3.bucket import Bucket, StoredObject
from pipeline.places import SCHEME

# What a listing told is believed for so long. A version that was replaced meanwhile is noticed when it is read.
BELIEVED_SECONDS: Final = 5.0
_MAGIC: Final = "*?["


class BucketReadError(OSError):
    """An object can't be read; the text begins with REPLACED or REFUSED."""


class BucketFiles(AbstractFileSystem):  # type: ignore[misc]  # fsspec ships no types
    """A bucket as DuckDB sees it, for reading only. One for each connection."""

    protocol = "s3"
    cachable = False

    def __init__(self, name: str, bucket: Bucket) -> None:
        super().__init__()
        self._prefix = f"{SCHEME}{name}/"
        self._bucket = bucket
        self._known: dict[str, tuple[float, StoredObject]] = {}

    def glob(self, path: str, **_: Any) -> list[str]:
        """The paths that a pattern matches; a path without a pattern matches itself if it is there."""
        pattern = self._key(path)
        if not any(character in pattern for character in _MAGIC):
            return [path] if self._version(path) else []
        fixed = pattern[: min(pattern.index(character) for character in _MAGIC if character in pattern)]
        depth, found = pattern.count("/"), []
        for version in _refusing(lambda: list(self._bucket.list(fixed.rpartition("/")[0] + "/"))):
            if version.key.count("/") == depth and fnmatch.fnmatchcase(version.key, pattern):
                self._believe(version)
                found.append(self._prefix + version.key)
        return found

    def size(self, path: str) -> int:
        """The size of an object in bytes."""
        return self._there(path).bytes

    def modified(self, path: str) -> datetime:
        """When an object changed."""
        seconds, rest = divmod(self._there(path).changed_ns, 1_000_000_000)
        return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=rest // 1_000)

    def exists(self, path: str, **_: Any) -> bool:
        """Whether an object is there."""
        return self._version(path) is not None

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """What fsspec wants to know of an object."""
        version = self._version(path)
        if version is None:
            raise FileNotFoundError(path)
        return {"name": path, "size": version.bytes, "type": "file"}

    def open(self, path: str, mode: str = "rb", **_: Any) -> io.RawIOBase:
        """Open an object for reading."""
        if mode != "rb":
            raise BucketReadError(f"{REFUSED}the lake is read-only")
        return _Stream(self._bucket, self._there(path), forget=lambda: self._known.pop(self._key(path), None))

    def _key(self, path: str) -> str:
        return path.removeprefix(self._prefix) if path.startswith(SCHEME) else path.partition("/")[2]

    def _version(self, path: str) -> StoredObject | None:
        key = self._key(path)
        told_at, version = self._known.get(key, (0.0, None))
        if version is not None and time.monotonic() - told_at < BELIEVED_SECONDS:
            return version
        found: StoredObject | None = _refusing(lambda: self._bucket.head(key))
        if found is not None:
            self._believe(found)
        return found

    def _there(self, path: str) -> StoredObject:
        version = self._version(path)
        if version is None:
            raise BucketReadError(f"{REPLACED}{path}")
        return version

    def _believe(self, version: StoredObject) -> None:
        self._known[version.key] = (time.monotonic(), version)


class _Stream(io.RawIOBase):
    """One version of an object."""

    def __init__(self, bucket: Bucket, version: StoredObject, *, forget: Any) -> None:
        super().__init__()
        self._bucket = bucket
        self._version = version
        self._forget = forget
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._version.bytes}[whence]
        self._at = base + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = self._version.bytes - self._at
        count = left if size < 0 else min(size, left)
        if count <= 0:
            return b""
        data = _refusing(lambda: self._bucket.read(self._version, self._at, count))
        if data is None:
            self._forget()
            raise BucketReadError(f"{REPLACED}{self._version.key}")
        self._at += len(data)
        return bytes(data)


def _refusing(work: Any) -> Any:
    try:
        return work()
    except SunlakeError as error:
        raise BucketReadError(f"{REFUSED}{error}") from None
