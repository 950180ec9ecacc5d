"""A lake on a local disk: staged files are renamed into place."""

from __future__ import annotations

import os
import time
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb
import sqlalchemy as sa

from pipeline.errors import CorruptLakeError
from pipeline.lake import storage
from pipeline.lake.history import Kept, Leftovers
from pipeline.lake.holder import Holder
from pipeline.lake.store import StoredFile

PRIVATE = "_sunlake"


@dataclass(frozen=True, slots=True)
class LocalStore:
    """The files below a folder; see `Store`."""

    root: Path

    @property
    def history(self) -> NoHistory:
        return NoHistory()

    @property
    def is_shared(self) -> bool:
        return False

    def share(self, name: str, data: bytes) -> None:
        """Nothing: whoever has the disk has the file."""

    def shared(self, name: str) -> list[bytes]:
        return []

    def shared_bytes(self, name: str) -> int:
        return 0

    def read_marker(self) -> bytes | None:
        marker = self.root / PRIVATE / "lake.json"
        return marker.read_bytes() if marker.exists() else None

    def write_marker(self, data: bytes) -> None:
        storage.write_atomic(self.root / PRIVATE / "lake.json", data)

    def probe(self) -> str:
        probe = self.root / PRIVATE / "tmp" / "doctor"
        storage.write_atomic(probe, b"")
        storage.unlink(probe)
        return f"{self.root} can be written"

    @contextmanager
    def writing(self, name: str, *, what: str) -> Iterator[None]:
        yield

    def writer(self, name: str) -> Holder | None:
        return None

    def take_over(self) -> None:
        """Nothing: whoever has the disk has the lake."""

    def fence(self, connection: sa.Connection, name: str) -> None:
        """Nothing: the lock file can't be lost while its holder lives."""

    def stage(self, app_id: str, commit_id: str, paths: Sequence[str]) -> None:
        folder = self._staging(app_id) / commit_id
        if folder.exists():  # else all of it is in place, and it is staged again by a recovery
            storage.sync_folder(folder)

    def fetch_staged(self, app_id: str, commit_id: str, paths: Sequence[str]) -> None:
        """Nothing: there is no other place where they could be."""

    def publish(self, app_id: str, commit_id: str, paths: Sequence[str]) -> None:
        for path in paths:
            staged, final = self._staging(app_id) / commit_id / Path(path).name, self.root / path
            if staged.exists():
                storage.make_folder(final.parent)
                storage.rename(staged, final)
            elif not final.exists():
                raise CorruptLakeError(f"{path} belongs to a decided commit and is nowhere; run `sunlake repair`")
        for folder in sorted({(self.root / path).parent for path in paths}):
            storage.sync_folder(folder)

    def remove(self, app_id: str, paths: Iterable[str]) -> None:
        for path in paths:
            storage.unlink(self.root / path)

    def put_over(self, app_id: str, path: str, source: Path) -> None:
        target = self.root / path
        storage.rename(source, target)
        storage.sync_folder(target.parent)

    def expunge(self, app_id: str, path: str) -> None:
        target = self.root / path
        storage.unlink(target)
        storage.sync_folder(target.parent)

    def clear(self, writer: str, folder: str) -> int:
        place = self.root / folder
        count = sum(path.is_file() for path in place.rglob("*"))
        storage.remove_tree(place)
        storage.sync_folder(self.root)
        return count

    def drop_staging(self, app_id: str, commit_id: str | None = None) -> None:
        folder = self._staging(app_id)
        storage.remove_tree(folder if commit_id is None else folder / commit_id)

    def has_staging(self, app_id: str) -> bool:
        return any(self._staging(app_id).glob("*/*.parquet"))

    def replace(self, writer: str, folder: str, source: Path, names: Sequence[str], *, stale: Iterable[str]) -> None:
        target = self.root / folder
        for name in stale:
            storage.unlink(target / name)
        for name in names:
            storage.make_folder((target / name).parent)
            storage.rename(source / name, target / name)

    def quarantine(self, app_id: str, path: str) -> None:
        target = self.root / PRIVATE / "quarantine" / f"{int(time.time())}" / path
        storage.make_folder(target.parent)
        storage.rename(self.root / path, target)

    def folders(self, folder: str) -> list[str]:
        with suppress(FileNotFoundError, NotADirectoryError):
            return [entry.name for entry in os.scandir(self.root / folder) if entry.is_dir()]
        return []

    def files(self, *folders: str) -> Iterator[StoredFile]:
        for folder in folders:
            for entry in _walk(self.root / folder):
                if entry.name.endswith(".parquet"):
                    yield from self._file(Path(entry.path))

    def has_files(self, folder: str) -> bool:
        return next(_parquet(self.root / folder), None) is not None

    def state(self, folders: Iterable[str]) -> Hashable:
        """When a file was last added to or removed from each folder."""
        waiting = [self.root / name for name in folders]
        times = set()
        while waiting:
            folder = waiting.pop()
            with suppress(FileNotFoundError):
                times.add((folder, folder.stat().st_mtime_ns))
                waiting += [Path(entry.path) for entry in os.scandir(folder) if "=" in entry.name]
        return frozenset(times)

    @contextmanager
    def local(self, paths: Sequence[str], *, folder: Path) -> Iterator[list[Path]]:
        yield [self.root / path for path in paths]

    def url(self, path: str) -> str:
        return str(self.root.absolute() / path)

    def attach(self, duck: duckdb.DuckDBPyConnection) -> None:
        """Nothing: DuckDB reads local files by itself."""

    def _staging(self, app_id: str) -> Path:
        return self.root / PRIVATE / "staging" / app_id

    def _file(self, path: Path) -> Iterator[StoredFile]:
        with suppress(FileNotFoundError):  # compaction merged it away since it was listed
            status = path.stat()
            yield StoredFile(path.relative_to(self.root).as_posix(), status.st_size, status.st_mtime_ns)


class NoHistory:
    """Of a store that keeps nothing; see `History`."""

    def check(self) -> tuple[str, ...]:
        return ()

    def unproven(self) -> tuple[str, ...]:
        return ()

    def survey(self) -> Leftovers:
        return Leftovers()

    def purge(self) -> Leftovers:
        return Leftovers()

    @contextmanager
    def planted(self, data: bytes) -> Iterator[list[Kept]]:
        yield []

    def items(self) -> Iterator[Kept]:
        return iter(())

    def uploads(self) -> list[str]:
        return []

    def fetch(self, item: Kept, target: Path) -> bool:
        raise AssertionError(f"there is nothing to be copied to {target.name} of {item.bytes} bytes")


def _walk(folder: Path) -> Iterator[os.DirEntry[str]]:
    """All entries below a folder that are no folders; only folders of partitions are entered."""
    waiting = [folder]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in entries:
            if "=" in entry.name and entry.is_dir():
                waiting.append(Path(entry.path))
            else:
                yield entry


def _parquet(folder: Path) -> Iterator[os.DirEntry[str]]:
    return (entry for entry in _walk(folder) if entry.name.endswith(".parquet"))
