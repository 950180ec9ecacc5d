"""What a scan tells: how much was read, what was found where, what could not be read, and what it can't prove."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pipeline.privacy.scan.findings import Hit
from pipeline.privacy.scan.unreadable import Reason

NOT_PROVEN: Final = (
    "backups, snapshots and replicas of these folders: restore nothing without `sunlake erase replay`",
    "the system's folder of temporary files, unless TMPDIR names it: sunlake writes its own below the lake",
    "older versions of blocks on copy-on-write file systems, and blocks that SSDs keep aside",
    "freed blocks of the disk, swap, core dumps and the memory of running programs",
    "copies that people or other systems took: reports sent, notebooks, query results, webhooks' receivers",
    "names without surname, nicknames, phone numbers in other spellings, and what describes a person without a name",
    "texts that are encrypted, in pictures, sound or PDF, or in base64 broken into lines",
)
"""What no scan of these files can show; every report says it."""


class Verdict(StrEnum):
    """The outcome of a scan; only `CLEAN` lets a batch be complete."""

    CLEAN = "clean"
    RESIDUAL = "residual"  # something was found
    INCOMPLETE = "incomplete"  # nothing was found, but something could not be read
    VOID = "void"  # the scan did not find what was planted for it, hence it proves nothing


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that could not be read, or not as the tables that it holds."""

    path: str
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanReport:
    """The outcome of a scan, without any personal data.

    Args:
        files: how many were read.
        bytes: as they lie on the disk.
        decoded_bytes: values of tables, and what came out of compressed files.
        needles: how many of each kind.
        left_out: how many values of each kind were not looked for, and why.
        hits: what was found.
        allowed: what was found in rows that may stay.
        unreadable: what could not be read.
        canaries: for everything that was planted, whether it was found.
        roots: the labels of the places looked at.
        absent: those of them that do not exist.
        foreign: names in shared folders that belong to other users, not looked at.
        special: sockets, pipes and devices, in which nothing is kept.
        moving: files that were read whole, and still changed when the scan ended.
        passes: how often the folders were walked until nothing new appeared.
        not_proven: what the scan can't show.
    """

    files: int
    bytes: int
    decoded_bytes: int
    needles: Mapping[str, int]
    left_out: Mapping[str, int]
    hits: tuple[Hit, ...]
    allowed: tuple[Hit, ...]
    unreadable: tuple[Unread, ...]
    canaries: Mapping[str, bool]
    roots: tuple[str, ...]
    absent: tuple[str, ...]
    foreign: int
    special: int
    moving: int
    passes: int
    not_proven: tuple[str, ...] = NOT_PROVEN

    @property
    def verdict(self) -> Verdict:
        """What the scan has shown."""
        if not self.canaries or not all(self.canaries.values()):
            return Verdict.VOID
        if self.hits:
            return Verdict.RESIDUAL
        return Verdict.INCOMPLETE if self.unreadable else Verdict.CLEAN

    @property
    def residual(self) -> int:
        """How often something was found that may not be there."""
        return sum(hit.count for hit in self.hits)
