"""The lake's files at one moment, so that all of a build reads the same rows however many passes it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.lake.layout import Lake
from pipeline.lake.store import StoredFile
from pipeline.lake.tables import TABLES


@dataclass(frozen=True, slots=True)
class LakeFile:
    """One file of the lake; `month` is empty where a table has none, `changed_ns` tells of a replacement in place."""

    table: str
    app_id: str
    month: str
    path: str
    bytes: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All files of a lake, sorted by their paths, which are relative to the root."""

    lake: Lake
    files: Sequence[LakeFile]

    def of(self, table: str) -> list[LakeFile]:
        """The files of one table."""
        return [file for file in self.files if file.table == table]


def take_snapshot(lake: Lake) -> Snapshot:
    """List the files of a lake."""
    files = [_file(stored) for stored in lake.store.files(*TABLES)]
    return Snapshot(lake, sorted(files, key=lambda file: file.path))


def _file(stored: StoredFile) -> LakeFile:
    table, *folders = stored.path.split("/")[:-1]
    place = dict(folder.partition("=")[::2] for folder in folders)
    return LakeFile(
        table, place.get("app_id", ""), place.get("month", ""), stored.path, stored.bytes, stored.changed_ns
    )
