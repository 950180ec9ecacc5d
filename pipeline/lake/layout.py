"""Where things lie in a lake (design.md, section 5).

lake/messages/app_id=<id>/month=2026-03/<commit>-<n>.parquet
lake/<other table>/app_id=<id>/<commit>-<n>.parquet
lake/_sunlake/     lake.json  ledger.db  staging/<app_id>/<commit>/  locks/  quarantine/  tmp/
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pipeline.errors import CorruptLakeError, LakeError, LakeVersionError
from pipeline.lake import storage

LAKE_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Lake:
    """A lake on a local disk."""

    root: Path

    @property
    def private(self) -> Path:
        """The folder that no engine may glob as data."""
        return self.root / "_sunlake"

    @property
    def default_ledger_url(self) -> str:
        """The SQLite ledger inside the lake."""
        return f"sqlite:///{(self.private / 'ledger.db').absolute()}"

    def staging(self, app_id: str) -> Path:
        """Where an app's undecided files are written."""
        return self.private / "staging" / app_id

    def staged(self, app_id: str, commit_id: str, path: str) -> Path:
        """The staged form of a file with this final path relative to the root."""
        return self.staging(app_id) / commit_id / Path(path).name

    def final(self, path: str) -> Path:
        """A file of the lake by its path relative to the root."""
        return self.root / path


def open_lake(root: Path, *, create: bool) -> Lake:
    """Open a lake.

    Args:
        root: its folder.
        create: make it where there is none.

    Raises:
        LakeError: there is none, and `create` is false.
        LakeVersionError: it was written by a newer sunlake.
        CorruptLakeError: `_sunlake/lake.json` is damaged.
        StorageError: it can't be created.
    """
    lake = Lake(root)
    marker = lake.private / "lake.json"
    if not marker.exists():
        if not create:
            raise LakeError(f"there is no lake in {root}; fill it with `sunlake export` or set SUNLAKE_LAKE")
        storage.write_atomic(marker, json.dumps({"format": LAKE_FORMAT}).encode())
        return lake
    try:
        found = msgspec.json.decode(marker.read_bytes(), type=dict[str, int])["format"]
    except (msgspec.DecodeError, KeyError):
        raise CorruptLakeError(f'{marker} is damaged; restore it with the text {{"format": {LAKE_FORMAT}}}') from None
    except PermissionError:
        raise LakeError(f"{marker} can't be read; give this user the right to read the lake") from None
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
