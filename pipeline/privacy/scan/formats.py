"""What a file is, told by its first bytes and never by its name."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Format(StrEnum):
    """How a file is read beside its bytes."""

    PARQUET = "parquet"
    SQLITE = "sqlite"
    DUCKDB = "duckdb"
    GZIP = "gzip"
    ZSTD = "zstd"
    BZIP2 = "bzip2"
    XZ = "xz"
    ZIP = "zip"
    ENCRYPTED_PARQUET = "encrypted parquet"
    BINARY = "binary"
    TEXT = "text"


HEAD: Final = 4096
"""Bytes that are enough to tell."""

TABLES: Final = frozenset({Format.PARQUET, Format.SQLITE, Format.DUCKDB})
COMPRESSED: Final = frozenset({Format.GZIP, Format.ZSTD, Format.BZIP2, Format.XZ})
EXPANDED: Final = COMPRESSED | {Format.ZIP}

_MAGIC: Final = (
    (b"PAR1", Format.PARQUET),
    (b"PARE", Format.ENCRYPTED_PARQUET),
    (b"SQLite format 3\0", Format.SQLITE),
    (b"\x1f\x8b\x08", Format.GZIP),
    (b"\x28\xb5\x2f\xfd", Format.ZSTD),
    (b"BZh", Format.BZIP2),
    (b"\xfd7zXZ\0", Format.XZ),
    (b"PK\x03\x04", Format.ZIP),
    (b"PK\x05\x06", Format.ZIP),
)


def format_of(head: bytes) -> Format:
    """The format of a file that begins with these bytes."""
    if head[8:12] == b"DUCK":
        return Format.DUCKDB
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    return Format.BINARY if b"\0" in head and not _is_utf16(head) else Format.TEXT


def _is_utf16(head: bytes) -> bool:
    """Whether this is text in UTF-16: begins with its mark, or mostly has a NUL as every second byte."""
    return head[:2] in {b"\xff\xfe", b"\xfe\xff"} or head[1::2].count(0) > 0.7 * len(head[1::2])
