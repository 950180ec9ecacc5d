"""The footer of a Parquet file, as far as it tells where row groups lie, to be changed and written back.

No library hands row groups from one file to another without decoding them; with the footer at hand their bytes can be
copied as they are. It is a struct of Thrift's compact protocol; what does not matter here stays the bytes that it was.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final, TypeAlias

MAGIC: Final = b"PAR1"

# Fields of Parquet's structs, by their ids in its Thrift definition.
ROWS, GROUPS = 3, 4
COLUMNS, GROUP_ROWS, GROUP_OFFSET, ORDINAL = 1, 3, 5, 7
CHUNK_OFFSET, CHUNK = 2, 3
PAGE_INDEXES = (4, 5, 6, 7)
COMPRESSED, DATA_PAGE, INDEX_PAGE, DICTIONARY_PAGE = 7, 9, 10, 11
BLOOM_FILTER = (14, 15)

_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_INTEGERS = frozenset({4, 5, 6})
_WIDTHS: Final = {_TRUE: 0, _FALSE: 0, _BYTE: 1, _DOUBLE: 8}

Opened: TypeAlias = Mapping[int, "Opened"]
_OPENED: Final[Opened] = {GROUPS: {COLUMNS: {CHUNK: {}}}}
"""The fields that are structs, or lists of structs, and are taken apart; all the others are kept as they are."""


@dataclass(slots=True)
class Struct:
    """The fields of a struct by id: type and value, which is an integer, a struct, a list of structs, or bytes."""

    fields: dict[int, tuple[int, Any]] = field(default_factory=dict)

    def get(self, number: int) -> Any:
        """The value of a field, or None."""
        found = self.fields.get(number)
        return None if found is None else found[1]

    def set(self, number: int, value: Any) -> None:
        """Replace the value of a field that is there."""
        self.fields[number] = (self.fields[number][0], value)

    def drop(self, *numbers: int) -> None:
        """Remove fields, if they are there."""
        for number in numbers:
            self.fields.pop(number, None)


def read_footer(source: BinaryIO) -> Struct:
    """The FileMetaData of a Parquet file.

    Raises:
        ValueError: it has none.
    """
    source.seek(0, 2)
    size = source.tell()
    if size < 12:
        raise ValueError("no Parquet footer")
    source.seek(size - 8)
    length, magic = struct.unpack("<I4s", source.read(8))
    if magic != MAGIC or length + 12 > size:
        raise ValueError("no Parquet footer")
    source.seek(size - 8 - length)
    try:
        return _read_struct(source.read(length), 0, _OPENED)[0]
    except (IndexError, KeyError):
        raise ValueError("the Parquet footer is cut or damaged") from None


def footer_bytes(footer: Struct) -> bytes:
    """All that follows the row groups: the FileMetaData, its length, and the magic."""
    out = bytearray()
    _write_struct(out, footer)
    return bytes(out) + struct.pack("<I4s", len(out), MAGIC)


def _read_struct(data: bytes, at: int, opened: Opened) -> tuple[Struct, int]:
    """The struct at a place, and the place behind it."""
    fields: dict[int, tuple[int, Any]] = {}
    number = 0
    while header := data[at]:
        kind = header & 15
        number, at = (number + (header >> 4), at + 1) if header >> 4 else _zigzag(data, at + 1)
        value: Any
        if kind in _INTEGERS:
            value, at = _zigzag(data, at)
        elif number in opened and kind == _STRUCT:
            value, at = _read_struct(data, at, opened[number])
        elif number in opened and kind == _LIST:
            value, at = _read_list(data, at, opened[number])
        else:
            begin, at = at, _behind(data, at, kind)
            value = data[begin:at]
        fields[number] = (kind, value)
    return Struct(fields), at + 1


def _read_list(data: bytes, at: int, opened: Opened) -> tuple[list[Struct], int]:
    kind, count, at = _list_header(data, at)
    if kind != _STRUCT:
        raise ValueError("the Parquet footer is damaged")
    items = []
    for _ in range(count):
        item, at = _read_struct(data, at, opened)
        items.append(item)
    return items, at


def _behind(data: bytes, at: int, kind: int) -> int:
    """The place behind a value of a struct."""
    if kind in _INTEGERS:
        while data[at] > 127:
            at += 1
        return at + 1
    if kind == _BINARY:
        length, at = _varint(data, at)
        return at + length
    if kind == _STRUCT:
        while header := data[at]:
            at = at + 1 if header >> 4 else _behind(data, at + 1, 4)
            at = _behind(data, at, header & 15)
        return at + 1
    if kind in {_LIST, _SET}:
        inner, count, at = _list_header(data, at)
        return _behind_items(data, at, (inner,) * count)
    if kind == _MAP:
        count, at = _varint(data, at)
        kinds = data[at] if count else 0
        return _behind_items(data, at + 1 if count else at, (kinds >> 4, kinds & 15) * count)
    return at + _WIDTHS[kind]


def _behind_items(data: bytes, at: int, kinds: tuple[int, ...]) -> int:
    for kind in kinds:
        # Within lists and maps a boolean is a byte of its own.
        at = at + 1 if kind in {_TRUE, _FALSE} else _behind(data, at, kind)
    return at


def _list_header(data: bytes, at: int) -> tuple[int, int, int]:
    """The type of its items, their number, and where they begin."""
    header = data[at]
    count, at = (header >> 4, at + 1) if header >> 4 != 15 else _varint(data, at + 1)
    return header & 15, count, at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    result = shift = 0
    while (byte := data[at]) > 127:
        result |= (byte & 127) << shift
        shift, at = shift + 7, at + 1
    return result | byte << shift, at + 1


def _zigzag(data: bytes, at: int) -> tuple[int, int]:
    value, at = _varint(data, at)
    return (value >> 1) ^ -(value & 1), at


def _write_struct(out: bytearray, value: Struct) -> None:
    last = 0
    for number, (kind, item) in sorted(value.fields.items()):
        if 0 < number - last < 16:
            out.append((number - last) << 4 | kind)
        else:
            out.append(kind)
            _write_zigzag(out, number)
        last = number
        if kind in _INTEGERS:
            _write_zigzag(out, item)
        elif isinstance(item, Struct):
            _write_struct(out, item)
        elif isinstance(item, list):
            _write_list(out, item)
        else:
            out += item
    out.append(0)


def _write_list(out: bytearray, items: list[Struct]) -> None:
    if len(items) < 15:
        out.append(len(items) << 4 | _STRUCT)
    else:
        out.append(0xF0 | _STRUCT)
        _write_varint(out, len(items))
    for item in items:
        _write_struct(out, item)


def _write_varint(out: bytearray, value: int) -> None:
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)


def _write_zigzag(out: bytearray, value: int) -> None:
    _write_varint(out, value << 1 if value >= 0 else (-value << 1) - 1)
