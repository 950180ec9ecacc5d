"""The texts within Arrow arrays, however deep: whole buffers are searched, and only a match is put down to a row."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.privacy.scan.edges import has_edges
from pipeline.privacy.scan.encodings import Encoding
from pipeline.privacy.scan.search import CONTEXT, WINDOW, Match, Search

Row = Callable[[int], int | None]
"""The row of the outermost array that an element belongs to, or None where it belongs to none."""


@dataclass(frozen=True, slots=True)
class Found:
    """A match in a value; `row` counts from the start of the array searched."""

    match: Match
    row: int | None


def find_in_array(array: pa.Array, search: Search) -> Iterator[Found]:
    """All matches in the texts, bytes and whole numbers of an array."""
    yield from _find(array, search, lambda index: index)


def _find(array: Any, search: Search, row: Row) -> Iterator[Found]:
    kind = array.type
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        array = array.cast(pa.large_binary() if pa.types.is_binary_view(kind) else pa.large_string())
        kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        yield from _find(array.storage, search, row)
    elif pa.types.is_dictionary(kind):
        # Few distinct values: only if one of them matches is it worth while to lay them out by row.
        if any(True for _ in _find(array.dictionary, search, row)):
            yield from _find(array.dictionary_decode(), search, row)
    elif pa.types.is_fixed_size_binary(kind) and not pa.types.is_decimal(kind):
        yield from _find_in_fixed(array, search, row)
    elif any(
        test(kind)
        for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    ):
        yield from _find_in_texts(array, search, row)
    elif pa.types.is_integer(kind):
        yield from _find_in_numbers(array, search, row)
    else:
        for child, child_row in _children(array, row):
            yield from _find(child, search, child_row)


def _children(array: Any, row: Row) -> Iterator[tuple[Any, Row]]:
    kind = array.type
    if pa.types.is_map(kind):
        yield from ((child, _by_offsets(array, row)) for child in (array.keys, array.items))
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield array.values, _by_offsets(array, row)
    elif pa.types.is_fixed_size_list(kind):
        size, first = kind.list_size, array.offset
        yield array.values, lambda index: row(index // size - first)
    elif pa.types.is_struct(kind):
        yield from ((array.field(number), row) for number in range(kind.num_fields))
    elif pa.types.is_union(kind):
        yield from ((array.field(number), _no_row) for number in range(kind.num_fields))
    elif pa.types.is_run_end_encoded(kind):
        yield array.values, _no_row


def _find_in_texts(array: Any, search: Search, row: Row) -> Iterator[Found]:
    data = array.buffers()[2]
    if data is None or not len(array):
        return
    length = _length_of_all(array)
    if length and not search.may_be_in(array, length):
        return
    offsets = _offsets(array)
    for start, end, match in _windows(memoryview(data).cast("B"), offsets[0], offsets[len(array)], search):
        index = bisect_right(offsets, start, 0, len(array)) - 1
        whole = _is_whole(data, (offsets[index], offsets[index + 1]), (start, end), match, search)
        if whole is not None:
            yield Found(replace(match, whole=whole), row(index))


def _length_of_all(array: Any) -> int | None:
    """The length in bytes of each of the strings, if they have the same and nothing lies below nulls."""
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        return None
    ends = pc.min_max(pc.binary_length(array))
    low, high = ends["min"].as_py(), ends["max"].as_py()
    offsets = _offsets(array)
    is_all = low == high and low and offsets[len(array)] - offsets[0] == low * (len(array) - array.null_count)
    return int(low) if is_all else None


def _find_in_fixed(array: Any, search: Search, row: Row) -> Iterator[Found]:
    data, width = array.buffers()[1], array.type.byte_width
    if data is None or not len(array) or not width:
        return
    first = array.offset * width
    for start, end, match in _windows(memoryview(data).cast("B"), first, first + len(array) * width, search):
        index = start // width - array.offset
        low = (index + array.offset) * width
        whole = _is_whole(data, (low, low + width), (start, end), match, search)
        if whole is not None:
            yield Found(replace(match, whole=whole), row(index))


def _windows(data: memoryview, low: int, high: int, search: Search) -> Iterator[tuple[int, int, Match]]:
    """Matches with their place in the data, window by window."""
    decided = low
    while decided < high:
        start = max(low, decided - search.longest)
        end = min(high, decided + WINDOW)
        for match in search.find(bytes(data[start:end]), since=decided - start):
            yield start + match.start, start + match.end, match
        decided = end


def _is_whole(data: Any, value: tuple[int, int], place: tuple[int, int], match: Match, search: Search) -> bool | None:
    """Whether the match is a whole word of the value; None if it is not in the value, but over two of them."""
    (low, high), (start, end) = value, place
    if start < low or end > high:
        return None
    text = memoryview(data).cast("B")[max(low, start - CONTEXT) : min(high, end + CONTEXT)].tobytes()
    before = min(start - low, CONTEXT)
    return has_edges(search.needles[match.needle].edge, match.encoding, text, before, before + end - start)


def _find_in_numbers(array: Any, search: Search, row: Row) -> Iterator[Found]:
    numbers = search.numbers
    if not numbers:
        return
    values = pa.array(list(numbers), pa.int64())
    wide = array if pa.types.is_int64(array.type) else array.cast(pa.int64(), safe=False)
    for index in pc.indices_nonzero(pc.is_in(wide, value_set=values)).to_pylist():
        needle = numbers[wide[index].as_py()]
        yield Found(Match(needle, Encoding.UTF8, 0, 0, whole=True), row(index))


def _by_offsets(array: Any, row: Row) -> Row:
    offsets = array.offsets.to_pylist()

    def row_of(index: int) -> int | None:
        at = bisect_right(offsets, index) - 1
        return row(at) if 0 <= at < len(array) else None

    return row_of


def _offsets(array: Any) -> memoryview:
    large = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    every = memoryview(array.buffers()[1]).cast("B").cast("q" if large else "i")
    return every[array.offset : array.offset + len(array) + 1]


def _no_row(_index: int) -> None:
    return None
