"""A zip whose bytes depend on nothing but its members: fixed times, order and modes; written as a stream."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from pipeline.errors import StorageError
from pipeline.lake import storage

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say
_MODE: Final = 0o600
_UNIX: Final = 3
_CHUNK: Final = 1 << 20


class Archive:
    """A zip under construction, which appears under its name when it is complete. Mode 0600 from the first byte."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sha256 = ""
        self.bytes = 0
        self._members: list[dict[str, Any]] = []
        self._part = part_of(path)
        self._part.unlink(missing_ok=True)
        descriptor = os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_EXCL, _MODE)
        self._file = os.fdopen(descriptor, "w+b")
        self._zip = ZipFile(self._file, "w", allowZip64=True)

    def add(self, name: str, chunks: Iterable[bytes], *, compress: bool = True) -> None:
        """Add a member, given in pieces of any size."""
        info = ZipInfo(name, _EPOCH)
        info.compress_type = ZIP_DEFLATED if compress else ZIP_STORED
        info.create_system = _UNIX
        info.external_attr = _MODE << 16
        digest, size = hashlib.sha256(), 0
        with self._zip.open(info, "w", force_zip64=True) as member:
            for chunk in _large(chunks):
                member.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        self._members.append({"name": name, "bytes": size, "sha256": digest.hexdigest()})

    def add_file(self, name: str, path: Path) -> None:
        """Add a file as it is: Parquet is compressed already."""
        with path.open("rb") as file:
            self.add(name, iter(lambda: file.read(_CHUNK), b""), compress=False)

    def finish(self, about: Mapping[str, Any]) -> None:
        """Add the manifest, with the SHA-256 of every other member, and move the zip into place durably."""
        manifest = {**about, "members": list(self._members)}
        self.add("manifest.json", [json.dumps(manifest, indent=1, sort_keys=True).encode() + b"\n"])
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.seek(0)
        self.sha256 = hashlib.file_digest(self._file, "sha256").hexdigest()
        self.bytes = self._file.tell()
        self._file.close()
        self._part.replace(self.path)
        storage.sync_folder(self.path.parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what is unfinished."""
        if not self._file.closed:
            self._file.close()
        self._part.unlink(missing_ok=True)


def part_of(path: Path) -> Path:
    """Where a zip is written before it is complete."""
    return path.with_name(f"{path.name}.part")


@contextmanager
def output_errors(folder: Path) -> Iterator[None]:
    """Turn what the operating system refuses into an error that names the folder.

    Raises:
        StorageError: the copy can't be written.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"the copy can't be written into {folder}: {error.strerror}; choose another folder or free space"
        ) from None


def _large(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in larger pieces, since every piece costs a call."""
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        if len(waiting) >= _CHUNK:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)
