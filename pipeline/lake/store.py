"""What the lake asks of the place where its files lie. Paths are relative to the lake's root, with slashes.

    staged locally -> stage -> (the ledger decides) -> publish -> drop_staging

A staged file is written into `Lake.private` on this machine, whatever the store. Nothing else of the lake's code knows
which store it is.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import duckdb
import sqlalchemy as sa

from pipeline.lake.history import History
from pipeline.lake.holder import Holder


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of the lake; another `changed_ns` tells of a replacement in place."""

    path: str
    bytes: int
    changed_ns: int


class Store(Protocol):
    """Where a lake's files lie.

    What is refused becomes a StorageError; it says what to do and holds no more than a path of the lake.
    """

    @property
    def history(self) -> History:
        """What the store keeps of files that were replaced or removed."""

    @property
    def is_shared(self) -> bool:
        """Whether several machines may write the lake, each with locks of its own, and leases in one ledger."""

    def share(self, name: str, data: bytes) -> None:
        """Let other machines that write the lake know of this machine's file of a name."""

    def shared(self, name: str) -> list[bytes]:
        """The other machines' files of a name, also of those that are no more."""

    def shared_bytes(self, name: str) -> int:
        """The bytes of `shared`, without reading them."""

    def read_marker(self) -> bytes | None:
        """The text of `_sunlake/lake.json`, or None where there is no lake."""

    def write_marker(self, data: bytes) -> None:
        """Write `_sunlake/lake.json`, whole or not at all."""

    def probe(self) -> str:
        """Do what an export does, on a file that nobody reads; returns what is to be said of the store."""

    def writing(self, name: str, *, what: str) -> AbstractContextManager[None]:
        """Be the one writer of this name among all machines; the caller holds this machine's lock.

        Raises:
            LockedError: another machine is writing, or the lake belongs to another ledger.
        """

    def writer(self, name: str) -> Holder | None:
        """The writer of this name on any machine that the store knows of."""

    def take_over(self) -> None:
        """Make the lake belong to this machine's ledger, whichever it belonged to."""

    def fence(self, connection: sa.Connection, name: str) -> None:
        """Let a transaction of the ledger commit only if its writer is still the one of this name.

        Raises:
            LockedError: it is not.
        """

    def stage(self, app_id: str, commit_id: str, paths: Sequence[str]) -> None:
        """Make a commit's staged files so durable that whoever may finish the commit finds them."""

    def fetch_staged(self, app_id: str, commit_id: str, paths: Sequence[str]) -> None:
        """Bring staged files of a commit back to this machine, as far as they are staged elsewhere only."""

    def publish(self, app_id: str, commit_id: str, paths: Sequence[str]) -> None:
        """Put staged files in place, each at once over what was there; repeating it does no harm.

        Raises:
            CorruptLakeError: a file is lost.
        """

    def remove(self, app_id: str, paths: Iterable[str]) -> None:
        """Remove files of an app; no error for what is gone already."""

    def put_over(self, app_id: str, path: str, source: Path) -> None:
        """Move a file of this machine over one of the lake; readers see the one or the other, and the old one is gone.

        For rewrites of what may not be kept: no older version is left. Repeating it does no harm.
        """

    def expunge(self, app_id: str, path: str) -> None:
        """Remove a file of an app with all its older versions; no error for what is gone already."""

    def clear(self, writer: str, folder: str) -> int:
        """Remove all that lies below a folder of the lake; returns how many files. `writer` as for `replace`."""

    def drop_staging(self, app_id: str, commit_id: str | None = None) -> None:
        """Remove what is staged of one commit of an app, or of all."""

    def has_staging(self, app_id: str) -> bool:
        """Whether files of an app are staged."""

    def replace(self, writer: str, folder: str, source: Path, names: Sequence[str], *, stale: Iterable[str]) -> None:
        """Move files below a local folder to the same names below a folder of the lake, and remove the stale ones.

        `writer` is the name of the lock that the caller holds.
        """

    def quarantine(self, app_id: str, path: str) -> None:
        """Move a file to where no engine looks for data."""

    def folders(self, folder: str) -> list[str]:
        """Names of the folders in a folder."""

    def files(self, *folders: str) -> Iterator[StoredFile]:
        """All Parquet files below some folders."""

    def has_files(self, folder: str) -> bool:
        """Whether a Parquet file lies below a folder."""

    def state(self, folders: Iterable[str]) -> Hashable:
        """A value that is another one after files below the folders were added or removed."""

    def local(self, paths: Sequence[str], *, folder: Path) -> AbstractContextManager[list[Path]]:
        """Files as they are now on this machine's disk; copies are kept in `folder` as long as the context lasts."""

    def url(self, path: str) -> str:
        """The name by which DuckDB reads a file or folder; a connection must be prepared by `attach`."""

    def attach(self, duck: duckdb.DuckDBPyConnection) -> None:
        """Let a connection read the lake's files."""
