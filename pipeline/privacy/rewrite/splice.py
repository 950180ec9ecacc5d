"""A Parquet file with some row groups replaced: the others are copied byte by byte, neither decoded nor encoded.

What no subject is in stays the very same bytes, and a file of which one row group is hit costs little more than that.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import pyarrow.parquet as pq

from pipeline.lake import storage
from pipeline.privacy.rewrite.footer import MAGIC, Struct, footer_bytes, read_footer

# Fields of Parquet's structs, by their ids in its Thrift definition.
ROWS, GROUPS = 3, 4
COLUMNS, GROUP_ROWS, GROUP_OFFSET, ORDINAL = 1, 3, 5, 7
CHUNK_OFFSET, CHUNK = 2, 3
PAGE_INDEXES = (4, 5, 6, 7)
COMPRESSED, DATA_PAGE, INDEX_PAGE, DICTIONARY_PAGE = 7, 9, 10, 11
BLOOM_FILTER = (14, 15)

COPY_BYTES = 1 << 20


def splice(source: Path, patch: Path, target: Path, replaced: Mapping[int, int | None]) -> list[int]:
    """Write the target and fsync it; returns for each of its row groups the number it had in the source, or -1.

    Args:
        source: the file as it is.
        patch: a file of the same schema with the row groups that replace some of its own.
        target: the file to write.
        replaced: by number in the source, the number in the patch, or None for a row group that goes.

    Raises:
        ValueError: the source has no footer that can be read.
        StorageError: the target can't be written.
    """
    footer, patches = read_footer(source), read_footer(patch)
    kind, groups = footer.get(GROUPS)
    origins: list[int] = []
    written: list[Struct] = []
    with storage.storage_errors(), source.open("rb") as old, patch.open("rb") as new, target.open("wb") as out:
        out.write(MAGIC)
        for number, group in enumerate(groups):
            if number in replaced:
                place = replaced[number]
                if place is None:
                    continue
                written.append(_copy_group(patches.get(GROUPS)[1][place], new, out, ordinal=len(written)))
                origins.append(-1)
            else:
                written.append(_copy_group(group, old, out, ordinal=len(written)))
                origins.append(number)
        footer.set(GROUPS, (kind, written))
        footer.set(ROWS, sum(group.get(GROUP_ROWS) for group in written))
        out.write(footer_bytes(footer))
    storage.sync_file(target)
    return origins


def same_bytes(source: Path, target: Path, origins: list[int]) -> bool:
    """Whether the row groups of the target that come from the source have its bytes and its statistics.

    Both footers are read by Arrow, which has no part in `splice`.
    """
    with source.open("rb") as old, target.open("rb") as new:
        before, after = pq.read_metadata(source), pq.read_metadata(target)
        for place, number in enumerate(origins):
            if number >= 0 and not _same_group(before.row_group(number), old, after.row_group(place), new):
                return False
    return len(origins) == int(after.num_row_groups)


def _copy_group(group: Struct, source: BinaryIO, out: BinaryIO, *, ordinal: int) -> Struct:
    """Copy the bytes of a row group; returns what the new footer says of it."""
    copied = copy.deepcopy(group)
    begin = out.tell()
    for chunk in copied.get(COLUMNS)[1]:
        meta: Struct = chunk.get(CHUNK)
        start = _start(meta)
        moved = out.tell() - start
        _copy_bytes(source, out, start, meta.get(COMPRESSED))
        for number in (DATA_PAGE, INDEX_PAGE, DICTIONARY_PAGE):
            if meta.get(number) is not None:
                meta.set(number, meta.get(number) + moved)
        if chunk.get(CHUNK_OFFSET):
            chunk.set(CHUNK_OFFSET, chunk.get(CHUNK_OFFSET) + moved)
        # They lie elsewhere in the file, and are not copied: a bloom filter would tell of who is gone.
        chunk.drop(*PAGE_INDEXES)
        meta.drop(*BLOOM_FILTER)
    if copied.get(GROUP_OFFSET) is not None:
        copied.set(GROUP_OFFSET, begin)
    if copied.get(ORDINAL) is not None:
        copied.set(ORDINAL, ordinal)
    return copied


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


def _same_group(before: pq.RowGroupMetaData, old: BinaryIO, after: pq.RowGroupMetaData, new: BinaryIO) -> bool:
    if (before.num_rows, before.num_columns) != (after.num_rows, after.num_columns):
        return False
    for index in range(before.num_columns):
        was, now = before.column(index), after.column(index)
        if was.statistics != now.statistics or was.total_compressed_size != now.total_compressed_size:
            return False
        for column, file in ((was, old), (now, new)):
            start = column.data_page_offset
            dictionary = column.dictionary_page_offset if column.has_dictionary_page else None
            file.seek(min(start, dictionary) if dictionary else start)
        left = was.total_compressed_size
        while left:
            part = old.read(min(left, COPY_BYTES))
            if not part or part != new.read(len(part)):
                return False
            left -= len(part)
    return True
