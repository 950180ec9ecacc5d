"""A lake in a bucket: staged files are uploaded beside the lake, and copied into place by the store itself.

    private/staging/<app>/<commit>/x -> s3://.../_sunlake/staging/<app>/<commit>/x -> (decision) -> s3://.../x

What is decided is in the bucket, so that any machine can finish it; no rule of the bucket may expire what is staged. It
is deleted only after the ledger says that its commit is published, and by its writer only: whoever was replaced as
writer copies from nothing.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path

import duckdb
import sqlalchemy as sa

from pipeline.errors import CorruptLakeError, StorageError
from pipeline.lake import storage
from pipeline.lake.holder import Holder
from pipeline.lake.local_store import PRIVATE
from pipeline.lake.s3.bucket import PART_BYTES, Bucket, StoredObject
from pipeline.lake.s3.history import S3History
from pipeline.lake.s3.owner import known_machine_id, machine_id
from pipeline.lake.s3.reader import BucketFiles
from pipeline.lake.s3.writers import Writers
from pipeline.lake.store import StoredFile
from pipeline.places import SCHEME, S3Place


@cache
def s3_store(place: S3Place) -> S3Store:
    """The store of a place: one a process, since it holds connections and leases."""
    return S3Store(place)


class S3Store:
    """The objects below a prefix; see `Store`."""

    def __init__(self, place: S3Place) -> None:
        self.bucket = Bucket(place)
        self._place = place
        self._prefix = f"{place.prefix}/" if place.prefix else ""
        self._writers = Writers(self.bucket, place, owner_key=self._own("owner.json"))
        self._history = S3History(self.bucket, place, self._prefix, claim=self._writers.claim)

    @property
    def history(self) -> S3History:
        return self._history

    @property
    def is_shared(self) -> bool:
        return self._writers.are_many

    def share(self, name: str, data: bytes) -> None:
        key = self._shared(name) + machine_id(self._place.private)
        if self.bucket.get(key) != data:
            self.bucket.put(key, data)

    def shared(self, name: str) -> list[bytes]:
        found = (self.bucket.get(version.key) for version in self._of_others(name))
        return [data for data in found if data is not None]

    def shared_bytes(self, name: str) -> int:
        return sum(version.bytes for version in self._of_others(name))

    def read_marker(self) -> bytes | None:
        return self.bucket.get(self._own("lake.json"))

    def write_marker(self, data: bytes) -> None:
        self.bucket.put(self._own("lake.json"), data)

    def probe(self) -> str:
        self._writers.claim()
        probe, copied = (self._own(f"probe/{secrets.token_hex(8)}") for _ in range(2))
        self.bucket.put(probe, b"probe")
        written = self.bucket.head(probe)
        read = self.bucket.get(copied) if written is not None and self.bucket.copy(written, copied) else None
        self.bucket.abort_uploads(self._own("probe/"), mine=lambda _: True)
        for found in list(self.bucket.list(self._own("probe/"))):
            self.bucket.delete(found.key)
        if read != b"probe":
            raise StorageError(f"{self._place} does not give back what was written into it; use another store")
        return f"{self._place} can be read, written, listed and deleted from"

    def writing(self, name: str, *, what: str) -> AbstractContextManager[None]:
        return self._writers.writing(name, what=what)

    def writer(self, name: str) -> Holder | None:
        return self._writers.holder(name)

    def take_over(self) -> None:
        self._writers.take_over()

    def fence(self, connection: sa.Connection, name: str) -> None:
        self._writers.fence(connection, name)

    def stage(self, app_id: str, commit_id: str, paths: Sequence[str]) -> None:
        self._writers.claim_again()
        folder = self._place.private / "staging" / app_id / commit_id
        names = [name for path in paths if (folder / (name := Path(path).name)).exists()]
        with self._writers.guarded(app_id), storage.storage_errors():
            self.bucket.each(
                lambda name: self.bucket.upload(folder / name, self._staging(app_id, commit_id) + name), names
            )

    def fetch_staged(self, app_id: str, commit_id: str, paths: Sequence[str]) -> None:
        staging = self._staging(app_id, commit_id)
        for name in (Path(path).name for path in paths):
            target = self._place.private / "staging" / app_id / commit_id / name
            if not target.exists() and (found := self.bucket.head(staging + name)) is not None:
                storage.make_folder(target.parent)
                part = target.with_name(f"{name}.part")
                self._download(found, part)
                storage.rename(part, target)

    def publish(self, app_id: str, commit_id: str, paths: Sequence[str]) -> None:
        staging = self._staging(app_id, commit_id)

        def put_in_place(path: str) -> None:
            source, final = staged.get(staging + Path(path).name), self._prefix + path
            if source is not None and self.bucket.copy(source, final):
                return
            # It goes only after its commit is published; what lies in place may be an older version.
            self._writers.require(app_id)  # says so if another has taken this one's place and published it
            raise CorruptLakeError(f"{path} belongs to a decided commit and is not staged; run `sunlake repair`")

        with self._writers.guarded(app_id):
            staged = {found.key: found for found in self.bucket.list(staging)}
            self.bucket.each(put_in_place, paths)

    def remove(self, app_id: str, paths: Iterable[str]) -> None:
        with self._writers.guarded(app_id):
            self.bucket.each(self.bucket.delete, [self._prefix + path for path in paths])

    def put_over(self, app_id: str, path: str, source: Path) -> None:
        key = self._prefix + path
        self._writers.claim()
        with self._writers.guarded(app_id), storage.storage_errors():
            self.bucket.upload(source, key)
            self._history.forget(key)
        storage.unlink(source)

    def expunge(self, app_id: str, path: str) -> None:
        key = self._prefix + path
        self._writers.claim()
        with self._writers.guarded(app_id):
            self.bucket.delete(key)
            self._history.forget(key)

    def clear(self, writer: str, folder: str) -> int:
        with self._writers.guarded(writer):
            found = [found.key for found in self.bucket.list(f"{self._prefix}{folder}/")]
            self.bucket.each(self.bucket.delete, found)
        return len(found)

    def drop_staging(self, app_id: str, commit_id: str | None = None) -> None:
        with self._writers.guarded(app_id):
            staged = [found.key for found in self.bucket.list(self._staging(app_id, commit_id))]
            self.bucket.each(self.bucket.delete, staged)
            if commit_id is None:
                here = (self._staging(app_id), f"/app_id={app_id}/")
                self.bucket.abort_uploads(self._prefix, mine=lambda key: key.startswith(here[0]) or here[1] in key)
        folder = self._place.private / "staging" / app_id
        storage.remove_tree(folder if commit_id is None else folder / commit_id)

    def has_staging(self, app_id: str) -> bool:
        local = self._place.private / "staging" / app_id
        return any(self.bucket.list(self._staging(app_id))) or any(local.glob("*/*.parquet"))

    def replace(self, writer: str, folder: str, source: Path, names: Sequence[str], *, stale: Iterable[str]) -> None:
        target = f"{self._prefix}{folder}/"
        with self._writers.guarded(writer), storage.storage_errors():
            self.bucket.abort_uploads(target, mine=lambda _: True)
            self.bucket.each(self.bucket.delete, [target + name for name in stale])
            self.bucket.each(lambda name: self.bucket.upload(source / name, target + name), names)

    def quarantine(self, app_id: str, path: str) -> None:
        found = self.bucket.head(self._prefix + path)
        with self._writers.guarded(app_id):
            if found is not None and self.bucket.copy(found, self._own(f"quarantine/{int(time.time())}/{path}")):
                self.bucket.delete(found.key)

    def folders(self, folder: str) -> list[str]:
        return list(self.bucket.folders(f"{self._prefix}{folder}/"))

    def files(self, *folders: str) -> Iterator[StoredFile]:
        # One listing of everything costs less than one for each table.
        starts = [f"{self._prefix}{folder}/" for folder in folders]
        for found in self.bucket.list(starts[0] if len(starts) == 1 else self._prefix):
            if found.key.endswith(".parquet") and found.key.startswith(tuple(starts)):
                yield StoredFile(found.key.removeprefix(self._prefix), found.bytes, found.changed_ns)

    def has_files(self, folder: str) -> bool:
        return any(True for _ in self.files(folder))

    def state(self, folders: Iterable[str]) -> Hashable:
        return frozenset(self.files(*folders))

    @contextmanager
    def local(self, paths: Sequence[str], *, folder: Path) -> Iterator[list[Path]]:
        try:
            copies = [folder / f"{number}.parquet" for number in range(len(paths))]
            storage.make_folder(folder)
            for path, copy in zip(paths, copies, strict=True):
                version = self.bucket.head(self._prefix + path)
                if version is None:
                    raise CorruptLakeError(f"{self.url(path)} is missing; run `sunlake repair`, then `sunlake export`")
                self._download(version, copy)
            yield copies
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def url(self, path: str) -> str:
        return f"{SCHEME}{self._place.bucket}/{self._prefix}{path}"

    def attach(self, duck: duckdb.DuckDBPyConnection) -> None:
        duck.register_filesystem(BucketFiles(self._place.bucket, self.bucket))

    def _download(self, version: StoredObject, target: Path) -> None:
        with storage.storage_errors(), target.open("wb") as file:
            for start in range(0, version.bytes, PART_BYTES):
                data = self.bucket.read(version, start, min(PART_BYTES, version.bytes - start))
                if data is None:
                    name = f"{SCHEME}{self._place.bucket}/{version.key}"
                    raise StorageError(f"{name} was replaced while it was read; run the command again")
                file.write(data)

    def _of_others(self, name: str) -> Iterator[StoredObject]:
        own = known_machine_id(self._place.private)  # who only reads gets none
        return (found for found in self.bucket.list(self._shared(name)) if not found.key.endswith(f"/{own}"))

    def _shared(self, name: str) -> str:
        return self._own(f"shared/{name}/")

    def _own(self, name: str) -> str:
        return f"{self._prefix}{PRIVATE}/{name}"

    def _staging(self, app_id: str, commit_id: str | None = None) -> str:
        folder = self._own(f"staging/{app_id}/")
        return folder if commit_id is None else f"{folder}{commit_id}/"
