"""What lies in compressed files and archives, as streams of bytes whose length is bounded."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from pipeline.privacy.scan.formats import Format
from pipeline.privacy.scan.search import WINDOW
from pipeline.privacy.scan.unreadable import Reason, UnreadableError

_ENCRYPTED_FLAG: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far a scan expands: archives within archives, and bytes per byte of the file but at least `floor_bytes`."""

    depth: int = 4
    ratio: int = 250
    floor_bytes: int = 64 << 20

    def most(self, size: int) -> int:
        """The bytes that a file of this size may expand to."""
        return max(self.floor_bytes, size * self.ratio)


USUAL_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Member:
    """Something in an archive: its name as bytes, empty in a compressed file, and its pieces."""

    name: bytes
    pieces: Iterator[bytes]


def members_of(path: Path, kind: Format, *, most: int) -> Iterator[Member]:
    """What lies in a file; the pieces of a member must be taken before the next is asked for.

    Args:
        path: the file.
        kind: its format, one of EXPANDED.
        most: the bytes that all members together may have.

    Raises:
        UnreadableError: it is damaged or encrypted, or expands beyond the limit.
    """
    budget = _Budget(most)
    try:
        if kind is Format.ZIP:
            yield from _zip(path, budget)
        elif kind is Format.ZSTD:
            yield Member(b"", budget.bound(_guarded(_zstd(path))))
        else:
            yield Member(b"", budget.bound(_guarded(_stream(path, kind))))
    except (zipfile.BadZipFile, NotImplementedError):
        raise UnreadableError(Reason.DAMAGED) from None


class _Budget:
    def __init__(self, most: int) -> None:
        self._left = most

    def bound(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._left -= len(piece)
            if self._left < 0:
                raise UnreadableError(Reason.BOMB)
            yield piece


def _guarded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from pieces
    except (zlib.error, lzma.LZMAError, zipfile.BadZipFile, pa.ArrowException, EOFError, ValueError):
        raise UnreadableError(Reason.DAMAGED) from None
    except OSError as error:
        # gzip, bz2 and Arrow tell of damaged data by an OSError without a number.
        raise UnreadableError(Reason.DAMAGED if error.errno is None else Reason.FAILED) from None


def _zip(path: Path, budget: _Budget) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        yield Member(b"", iter([archive.comment]))
        for info in archive.infolist():
            name = info.orig_filename.encode("utf-8", "surrogateescape") + b"\0" + info.comment
            if info.flag_bits & _ENCRYPTED_FLAG:
                raise UnreadableError(Reason.ENCRYPTED)
            with archive.open(info) as member:
                yield Member(name, budget.bound(_guarded(iter(lambda: member.read(WINDOW), b""))))


def _zstd(path: Path) -> Iterator[bytes]:
    with pa.OSFile(str(path)) as file, pa.CompressedInputStream(file, "zstd") as stream:
        while piece := stream.read(WINDOW):
            yield piece


def _stream(path: Path, kind: Format) -> Iterator[bytes]:
    opened: Any = {Format.GZIP: gzip.open, Format.BZIP2: bz2.open, Format.XZ: lzma.open}[kind]
    with opened(path, "rb") as stream:
        while piece := stream.read(WINDOW):
            yield piece
