"""The lake's files at one moment, so that all of a build reads the same rows however many passes it takes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

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

    root: Path
    files: Sequence[LakeFile]

    def of(self, table: str) -> list[LakeFile]:
        """The files of one table."""
        return [file for file in self.files if file.table == table]


def take_snapshot(root: Path) -> Snapshot:
    """List the files of a lake."""
    files = [file for table in TABLES for file in _files(root, table)]
    return Snapshot(root, sorted(files, key=lambda file: file.path))


def _files(root: Path, table: str) -> Iterator[LakeFile]:
    folders = [(root / table, {"app_id": "", "month": ""})]
    while folders:
        folder, place = folders.pop()
        try:
            entries = list(os.scandir(folder))
        except FileNotFoundError:
            continue
        for entry in entries:
            name, _, value = entry.name.partition("=")
            if name in place and value and entry.is_dir():
                folders.append((Path(entry.path), place | {name: value}))
            elif entry.name.endswith(".parquet"):
                yield from _file(root, table, place, Path(entry.path))


def _file(root: Path, table: str, place: dict[str, str], path: Path) -> Iterator[LakeFile]:
    try:
        status = path.stat()
    except FileNotFoundError:
        return  # compaction merged it away since it was listed
    relative = path.relative_to(root).as_posix()
    yield LakeFile(table, place["app_id"], place["month"], relative, status.st_size, status.st_mtime_ns)
