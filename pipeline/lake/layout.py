"""Where things lie in a lake (design.md, section 5).

lake/messages/app_id=<id>/month=2026-03/<commit>-<n>.parquet
lake/<other table>/app_id=<id>/<commit>-<n>.parquet
lake/_sunlake/     lake.json  ledger.db  staging/<app_id>/<commit>/  locks/  quarantine/  tmp/

A lake in a bucket has the same files there, but of `_sunlake` only lake.json, owner.json, staging, quarantine, and what
machines have to tell each other (shared); what is for this machine alone lies in a folder of its own, `Lake.private`.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pipeline.errors import ConfigError, CorruptLakeError, LakeError, LakeVersionError
from pipeline.lake.local_store import PRIVATE, LocalStore
from pipeline.lake.store import Store
from pipeline.places import Place, S3Place

LAKE_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Lake:
    """A lake at a place."""

    place: Place

    @property
    def root(self) -> Path:
        """The folder of a lake on a local disk.

        Raises:
            ConfigError: it lies in a bucket.
        """
        if isinstance(self.place, S3Place):
            raise ConfigError(f"this works on a lake in a folder only, not on {self.place}")
        return self.place

    @property
    def is_here(self) -> bool:
        """Whether all of it lies on a disk of this machine."""
        return not isinstance(self.place, S3Place)

    @property
    def here(self) -> Path:
        """All of it, or the part of a lake in a bucket that is on this machine."""
        return self.root if self.is_here else self.private

    @property
    def private(self) -> Path:
        """The folder on this machine that no engine may glob as data: in the lake, unless that lies in a bucket."""
        return self.place.private if isinstance(self.place, S3Place) else self.place / PRIVATE

    @property
    def store(self) -> Store:
        """Where its files lie.

        Raises:
            ConfigError: the packages for S3 are not installed, or no keys are set.
        """
        if isinstance(self.place, S3Place):
            try:
                from pipeline.lake.s3.store import s3_store  # noqa: PLC0415 - boto3 takes time, and is an extra
            except ModuleNotFoundError as error:
                raise ConfigError(
                    f"a lake in a bucket needs {error.name}; install it with: pip install 'sunlake[s3]'"
                ) from None
            return s3_store(self.place)
        return LocalStore(self.place)

    @property
    def default_ledger_url(self) -> str:
        """The SQLite ledger beside what is private."""
        return f"sqlite:///{(self.private / 'ledger.db').absolute()}"

    def staging(self, app_id: str) -> Path:
        """Where an app's undecided files are written."""
        return self.private / "staging" / app_id

    def staged(self, app_id: str, commit_id: str, path: str) -> Path:
        """The staged form of a file with this final path relative to the root."""
        return self.staging(app_id) / commit_id / Path(path).name

    def final(self, path: str) -> Path:
        """A file of a lake on a local disk by its path relative to the root."""
        return self.root / path


def open_lake(place: Place, *, create: bool) -> Lake:
    """Open a lake.

    Args:
        place: its folder, or its place in a bucket.
        create: make it where there is none.

    Raises:
        LakeError: there is none, and `create` is false.
        LakeVersionError: it was written by a newer sunlake.
        CorruptLakeError: `_sunlake/lake.json` is damaged.
        StorageError: it can't be created.
    """
    lake = Lake(place)
    marker = f"{place}/{PRIVATE}/lake.json"
    try:
        text = lake.store.read_marker()
    except PermissionError:
        raise LakeError(f"{marker} can't be read; give this user the right to read the lake") from None
    if text is None:
        if not create:
            raise LakeError(f"there is no lake in {place}; fill it with `sunlake export` or set SUNLAKE_LAKE")
        lake.store.write_marker(json.dumps({"format": LAKE_FORMAT}).encode())
        return lake
    try:
        found = msgspec.json.decode(text, type=dict[str, int])["format"]
    except (msgspec.DecodeError, KeyError):
        raise CorruptLakeError(f'{marker} is damaged; restore it with the text {{"format": {LAKE_FORMAT}}}') from None
    if found > LAKE_FORMAT:
        raise LakeVersionError(
            f"the lake has format {found}, this sunlake knows up to {LAKE_FORMAT}; upgrade with: pip install -U sunlake"
        )
    return lake


def new_commit_id() -> str:
    """A new id that sorts by its time: 11 hex digits of milliseconds, 8 of chance."""
    return f"{time.time_ns() // 1_000_000:011x}{os.urandom(4).hex()}"


def partition(table: str, app_id: str, month: str | None) -> str:
    """The folder of a partition, relative to the root."""
    base = f"{table}/app_id={app_id}"
    return base if month is None else f"{base}/month={month}"
