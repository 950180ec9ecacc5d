"""The footer of a Parquet file as a tree that can be changed and written back: Thrift's compact protocol, all of it.

No library hands row groups from one file to another without decoding them; with the footer at hand their bytes can be
copied as they are.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

MAGIC = b"PAR1"

_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_INTEGERS = frozenset({4, 5, 6})


@dataclass(slots=True)
class Struct:
    """The fields of a Thrift struct by id: type and value."""

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


Items: TypeAlias = tuple[int, list[Any]]
"""A Thrift list: the type of its elements, and they."""


def read_footer(file: Path) -> Struct:
    """The FileMetaData of a Parquet file.

    Raises:
        ValueError: it has none.
    """
    with file.open("rb") as source:
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
            return _Reader(source.read(length)).struct()
        except IndexError:
            raise ValueError("the Parquet footer is cut") from None


def footer_bytes(footer: Struct) -> bytes:
    """All that follows the row groups: the FileMetaData, its length, and the magic."""
    out = bytearray()
    _write_struct(out, footer)
    return bytes(out) + struct.pack("<I4s", len(out), MAGIC)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def struct(self) -> Struct:
        found = Struct()
        number = 0
        while header := self._byte():
            delta, kind = header >> 4, header & 15
            number = number + delta if delta else self._zigzag()
            found.fields[number] = (kind, kind == _TRUE if kind in {_TRUE, _FALSE} else self._value(kind))
        return found

    def _value(self, kind: int) -> Any:
        if kind in _INTEGERS:
            return self._zigzag()
        if kind in {_LIST, _SET}:
            return self._list()
        if kind == _MAP:
            return self._map()
        if kind in {_BINARY, _DOUBLE}:
            return self._take(8 if kind == _DOUBLE else self._varint())
        if kind == _STRUCT:
            return self.struct()
        return self._byte()

    def _list(self) -> Items:
        header = self._byte()
        count = header >> 4 if header >> 4 != 15 else self._varint()
        return header & 15, [self._value(header & 15) for _ in range(count)]

    def _map(self) -> tuple[int, list[tuple[Any, Any]]]:
        count = self._varint()
        kinds = self._byte() if count else 0
        return kinds, [(self._value(kinds >> 4), self._value(kinds & 15)) for _ in range(count)]

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _take(self, count: int) -> bytes:
        self._at += count
        return self._data[self._at - count : self._at]

    def _varint(self) -> int:
        result = shift = 0
        while True:
            byte = self._byte()
            result |= (byte & 127) << shift
            if byte < 128:
                return result
            shift += 7

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)


def _write_struct(out: bytearray, value: Struct) -> None:
    last = 0
    for number, (kind, item) in sorted(value.fields.items()):
        actual = (_TRUE if item else _FALSE) if kind in {_TRUE, _FALSE} else kind
        if 0 < number - last < 16:
            out.append((number - last) << 4 | actual)
        else:
            out.append(actual)
            _write_zigzag(out, number)
        last = number
        if kind not in {_TRUE, _FALSE}:
            _write_value(out, kind, item)
    out.append(0)


def _write_value(out: bytearray, kind: int, value: Any) -> None:
    if kind in _INTEGERS:
        _write_zigzag(out, value)
    elif kind == _BINARY:
        _write_varint(out, len(value))
        out += value
    elif kind == _STRUCT:
        _write_struct(out, value)
    elif kind in {_LIST, _SET}:
        _write_list(out, value)
    elif kind == _DOUBLE:
        out += value
    elif kind == _MAP:
        kinds, pairs = value
        _write_varint(out, len(pairs))
        if pairs:
            out.append(kinds)
        for key, item in pairs:
            _write_value(out, kinds >> 4, key)
            _write_value(out, kinds & 15, item)
    else:
        out.append(value)


def _write_list(out: bytearray, value: Items) -> None:
    kind, items = value
    if len(items) < 15:
        out.append(len(items) << 4 | kind)
    else:
        out.append(0xF0 | kind)
        _write_varint(out, len(items))
    for item in items:
        _write_value(out, kind, item)


def _write_varint(out: bytearray, value: int) -> None:
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)


def _write_zigzag(out: bytearray, value: int) -> None:
    _write_varint(out, value << 1 if value >= 0 else (-value << 1) - 1)
