"""Reading one file in every way that it can be read: as tables, expanded, and as bytes."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, Final

from pipeline.privacy.scan.allowed import Allowed
from pipeline.privacy.scan.duckdb_file import scan_duckdb
from pipeline.privacy.scan.expand import USUAL_LIMITS, Limits, Member, members_of
from pipeline.privacy.scan.findings import FileFindings, Findings, Place
from pipeline.privacy.scan.formats import EXPANDED, HEAD, TABLES, Format, format_of
from pipeline.privacy.scan.parquet import scan_parquet
from pipeline.privacy.scan.report import Unread
from pipeline.privacy.scan.search import WINDOW, Search, Stream
from pipeline.privacy.scan.sqlite import scan_sqlite
from pipeline.privacy.scan.unreadable import Reason, UnreadableError

_LOGS: Final = ("-wal", "-journal", "-shm", ".wal")
"""What a database writes beside its file; its pages are explained by the tables of the database."""


@dataclass
class FileScanner:
    """Reads files and collects what is found in them.

    Args:
        search: the needles.
        work: a folder for tables that lie within archives; nothing stays in it.
        allowed: rows that may stay.
        limits: how far to expand.
    """

    search: Search
    work: Path
    allowed: Allowed = field(default_factory=Allowed)
    limits: Limits = USUAL_LIMITS

    def __post_init__(self) -> None:
        self.findings = Findings(self.search.needles)
        self.unread: dict[str, Unread] = {}
        self.decoded_bytes = 0
        self._withheld: dict[str, str] = {}

    def read(self, path: Path, shown: str) -> int:
        """Read a file in every way; returns its bytes.

        Raises:
            FileNotFoundError: it vanished before it was opened.
        """
        safe = self.shown(shown)
        with path.open("rb") as file:  # held open: a file that is replaced meanwhile is read whole as it was
            found = self.findings.file(safe, beside=_database_of(safe))
            self.unread.pop(safe, None)
            self._name(shown, found)
            kind = format_of(file.read(HEAD))
            self._attempt(safe, lambda: self._decode(path, kind, safe, found, depth=0, name=shown))
            file.seek(0)
            return self._raw(iter(lambda: file.read(WINDOW), b""), kind, found)

    def read_name(self, shown: str, text: str) -> None:
        """Search a name of which no bytes are read, with a text such as the target of a link."""
        found = self.findings.file(self.shown(shown))
        self._name(shown, found)
        self._name(text, found)

    def _name(self, text: str, found: FileFindings) -> None:
        for match in self.search.find(_encoded(text)):
            found.text(Place.NAME, match)

    def shown(self, name: str) -> str:
        """The name as reports may show it: not at all if there is a needle in it."""
        if not any(True for _ in self.search.find(_encoded(name))):
            return _encoded(name).decode("utf-8", "backslashreplace")
        label = f"{name.split('/', 1)[0]}/[name withheld]"
        if any(True for _ in self.search.find(_encoded(label))):
            label = "[name withheld]"
        return self._withheld.setdefault(name, f"{label} {len(self._withheld) + 1}")

    def fail(self, shown: str, reason: Reason) -> None:
        """Record that something can't be read."""
        self.unread[shown] = Unread(shown, reason)

    def _decode(self, path: Path, kind: Format, shown: str, found: FileFindings, *, depth: int, name: str) -> None:
        if kind is Format.PARQUET:
            self.decoded_bytes += scan_parquet(path, self.search, found, shown=name, allowed=self.allowed)
        elif kind is Format.SQLITE:
            self.decoded_bytes += scan_sqlite(path, self.search, found)
        elif kind is Format.DUCKDB:
            self.decoded_bytes += scan_duckdb(path, self.search, found, allowed=self.allowed)
        elif kind is Format.ENCRYPTED_PARQUET:
            raise UnreadableError(Reason.ENCRYPTED)
        elif kind in EXPANDED:
            if depth >= self.limits.depth:
                raise UnreadableError(Reason.DEEP)
            most = self.limits.most(path.stat().st_size)
            for number, member in enumerate(members_of(path, kind, most=most), start=1):
                self._member(member, f"{shown}!{number}", depth=depth + 1)

    def _member(self, member: Member, shown: str, *, depth: int) -> None:
        found = self.findings.file(shown)
        for match in self.search.find(member.name):
            found.text(Place.NAME, match)
        head = b""
        for piece in member.pieces:
            head += piece
            if len(head) >= HEAD:
                break
        kind = format_of(head)
        pieces = chain([head], member.pieces)
        if kind not in TABLES | EXPANDED:
            self.decoded_bytes += self._raw(pieces, kind, found)
            return
        with tempfile.NamedTemporaryFile(dir=self.work, prefix="member-") as copy:
            for piece in pieces:
                copy.write(piece)
            copy.flush()
            self._attempt(shown, lambda: self._decode(Path(copy.name), kind, shown, found, depth=depth, name=shown))
            self.decoded_bytes += self._raw(_rewound(copy), kind, found)

    def _attempt(self, shown: str, decode: Callable[[], None]) -> None:
        try:
            decode()
        except UnreadableError as error:
            self.fail(shown, error.reason)
        except PermissionError:
            self.fail(shown, Reason.DENIED)
        except OSError as error:
            # Arrow tells of damaged data by an OSError without a number.
            self.fail(shown, Reason.DAMAGED if error.errno is None else Reason.FAILED)
        except (ValueError, RuntimeError, struct.error):
            self.fail(shown, Reason.DAMAGED)  # what readers raise over data that they do not expect

    def _raw(self, pieces: Iterator[bytes], kind: Format, found: FileFindings) -> int:
        take = partial(found.text, Place.BYTES) if kind is Format.TEXT else found.raw
        stream, read = Stream(self.search), 0
        for piece in pieces:
            read += len(piece)
            for match in stream.feed(piece):
                take(match)
        for match in stream.finish():
            take(match)
        return read


def _rewound(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    return iter(lambda: file.read(WINDOW), b"")


def _database_of(shown: str) -> str | None:
    return next((shown.removesuffix(ending) for ending in _LOGS if shown.endswith(ending)), None)


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
