"""What a scan finds, counted by file, place, kind of needle and encoding; never a value."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from pipeline.privacy.scan.encodings import Encoding
from pipeline.privacy.scan.needles import MENTION_KINDS, Edge, Needle, NeedleKind
from pipeline.privacy.scan.search import Match


class Place(StrEnum):
    """Where in a file something was found."""

    NAME = "name"  # of the file itself, or of a member of an archive
    BYTES = "bytes"  # as they lie on the disk, or as they come out of a compressed file
    PARQUET_VALUES = "parquet values"
    PARQUET_STATISTICS = "parquet statistics"
    PARQUET_METADATA = "parquet metadata"
    SQLITE_VALUES = "sqlite values"
    DUCKDB_VALUES = "duckdb values"
    CATALOG = "catalog"  # of a database: names, definitions, comments


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A kind of needle in a place of a file, written in one way, `count` times."""

    path: str
    place: Place
    kind: NeedleKind
    encoding: Encoding
    count: int


Key = tuple[Place, NeedleKind, Encoding]
_SHORT = 9  # characters below which chance writes a needle into binary data
_SHORT_DIGITS = 11


@dataclass
class FileFindings:
    """What is found in one file, read as tables first and as bytes then.

    In the bytes of a database or a Parquet file values lie side by side with no edge between them. There, a needle
    with no edges counts unless a value of the tables explains it: a longer value that holds it, or a row that may stay.
    """

    needles: tuple[Needle, ...] = field(repr=False)
    hits: Counter[Key] = field(default_factory=Counter)
    allowed: Counter[Key] = field(default_factory=Counter)
    explained: set[int] = field(default_factory=set, repr=False)
    kept: set[int] = field(default_factory=set, repr=False)

    def value(self, place: Place, match: Match, may_stay: Callable[[], bool]) -> None:
        """Take a match within a decoded value."""
        needle = self.needles[match.needle]
        if not match.whole:
            self.explained.add(match.needle)
        elif needle.kind in MENTION_KINDS and may_stay():
            self.kept.add(match.needle)
            self.allowed[place, needle.kind, match.encoding] += 1
        else:
            self.hits[place, needle.kind, match.encoding] += 1

    def text(self, place: Place, match: Match) -> None:
        """Take a match within a text, where the neighbours tell."""
        if match.whole:
            self.hits[place, self.needles[match.needle].kind, match.encoding] += 1

    def statistic(self, match: Match) -> None:
        """Take a match in the statistics of a file whose values were taken: what may stay is the least of them, too."""
        if match.needle in self.kept:
            self.allowed[Place.PARQUET_STATISTICS, self.needles[match.needle].kind, match.encoding] += 1
        else:
            self.text(Place.PARQUET_STATISTICS, match)

    def raw(self, match: Match) -> None:
        """Take a match in the bytes of a binary file."""
        needle = self.needles[match.needle]
        if match.needle in self.kept:
            self.allowed[Place.BYTES, needle.kind, match.encoding] += 1
        elif match.whole or not (match.needle in self.explained or _may_be_chance(needle)):
            self.hits[Place.BYTES, needle.kind, match.encoding] += 1


class Findings:
    """What is found in all files."""

    def __init__(self, needles: tuple[Needle, ...]) -> None:
        self._needles = needles
        self._files: dict[str, FileFindings] = defaultdict(self._new)

    def file(self, path: str, *, beside: str | None = None) -> FileFindings:
        """The findings of a file, emptied; what explains bytes `beside` it, in the database of a log, is taken over."""
        fresh = self._new()
        if beside is not None and beside in self._files:
            fresh.explained |= self._files[beside].explained
            fresh.kept |= self._files[beside].kept
        self._files[path] = fresh
        return fresh

    def hits(self) -> list[Hit]:
        """All hits that no rule allows."""
        return self._list(lambda file: file.hits)

    def allowed(self) -> list[Hit]:
        """All hits in rows that may stay."""
        return self._list(lambda file: file.allowed)

    def _list(self, which: Callable[[FileFindings], Counter[Key]]) -> list[Hit]:
        return [
            Hit(path=path, place=place, kind=kind, encoding=encoding, count=count)
            for path, file in sorted(self._files.items())
            for (place, kind, encoding), count in sorted(which(file).items())
        ]

    def _new(self) -> FileFindings:
        return FileFindings(self._needles)


def _may_be_chance(needle: Needle) -> bool:
    if needle.edge is Edge.NONE:
        return False
    return len(needle.value) < (_SHORT_DIGITS if needle.value.isdigit() else _SHORT)
