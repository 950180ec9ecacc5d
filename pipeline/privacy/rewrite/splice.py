"""A Parquet file with some row groups replaced: the others are copied byte by byte, neither decoded nor encoded.

What no subject is in stays the very same bytes, and a file of which one row group is hit costs little more than that.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import pyarrow as pa

from pipeline.lake import storage
from pipeline.privacy.rewrite.footer import (
    BLOOM_FILTER,
    CHUNK,
    CHUNK_OFFSET,
    COLUMNS,
    COMPRESSED,
    DATA_PAGE,
    DICTIONARY_PAGE,
    GROUP_OFFSET,
    GROUP_ROWS,
    GROUPS,
    INDEX_PAGE,
    MAGIC,
    ORDINAL,
    PAGE_INDEXES,
    ROWS,
    Struct,
    footer_bytes,
    read_footer,
)

COPY_BYTES = 1 << 20


class Splice:
    """Writes the target from the source, front to back. Nothing is opened before the first row group is replaced.

    Raises:
        ValueError: the source has no footer that can be read, or ends within a row group.
        StorageError: the target can't be written.
    """

    def __init__(self, source: Path, target: Path) -> None:
        self._source = source
        self._target = target
        self._files = ExitStack()
        self._written: list[Struct] = []
        self._next = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def replace(self, number: int, encoded: pa.Buffer | None) -> None:
        """Put another row group in the place of one that lies behind all that were replaced so far.

        Args:
            number: the one of the source that goes.
            encoded: a Parquet file of the same schema with the one row group that comes; None if none does.
        """
        with storage.storage_errors():
            if not self._next:
                self._open()
            self._copy_until(number)
            if encoded is not None:
                other = pa.BufferReader(encoded)
                self._copy(read_footer(other).get(GROUPS)[0], other)
        self._next = number + 1

    def finish(self) -> None:
        """Copy what is left, write the footer, and fsync the target."""
        with storage.storage_errors():
            self._copy_until(len(self._footer.get(GROUPS)))
            self._footer.set(GROUPS, self._written)
            self._footer.set(ROWS, sum(group.get(GROUP_ROWS) for group in self._written))
            self._out.write(footer_bytes(self._footer))
            self._out.close()
        storage.sync_file(self._target)

    def _open(self) -> None:
        self._old = self._files.enter_context(self._source.open("rb"))
        self._footer = read_footer(self._old)
        self._out = self._files.enter_context(self._target.open("wb"))
        self._out.write(MAGIC)

    def _copy_until(self, number: int) -> None:
        for group in self._footer.get(GROUPS)[self._next : number]:
            self._copy(group, self._old)

    def _copy(self, group: Struct, source: BinaryIO) -> None:
        """Copy the bytes of a row group, and let its part of the footer say where they are now."""
        begin = self._out.tell()
        for chunk in group.get(COLUMNS):
            meta: Struct = chunk.get(CHUNK)
            start = _start(meta)
            moved = self._out.tell() - start
            _copy_bytes(source, self._out, start, meta.get(COMPRESSED))
            for number in (DATA_PAGE, INDEX_PAGE, DICTIONARY_PAGE):
                if meta.get(number) is not None:
                    meta.set(number, meta.get(number) + moved)
            if chunk.get(CHUNK_OFFSET):
                chunk.set(CHUNK_OFFSET, chunk.get(CHUNK_OFFSET) + moved)
            # They lie elsewhere in the file, and are not copied: a bloom filter would tell of who is gone.
            chunk.drop(*PAGE_INDEXES)
            meta.drop(*BLOOM_FILTER)
        if group.get(GROUP_OFFSET) is not None:
            group.set(GROUP_OFFSET, begin)
        if group.get(ORDINAL) is not None:
            group.set(ORDINAL, len(self._written))
        self._written.append(group)


def _start(meta: Struct) -> int:
    dictionary = meta.get(DICTIONARY_PAGE)
    data: int = meta.get(DATA_PAGE)
    return min(data, dictionary) if dictionary else data


def _copy_bytes(source: BinaryIO, out: BinaryIO, start: int, count: int) -> None:
    source.seek(start)
    while count:
        data = source.read(min(count, COPY_BYTES))
        if not data:
            raise ValueError("the file ends within a row group")
        out.write(data)
        count -= len(data)
