"""Whether a match is a whole value, or part of a longer one: "ann@x.org" is not in "joann@x.org".

In doubt it is whole: a false alarm costs a look, a miss costs a person's right.
"""

from __future__ import annotations

import re
from typing import Final

from pipeline.privacy.scan.encodings import Encoding
from pipeline.privacy.scan.needles import Edge

_ALNUM: Final = frozenset(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_ADDRESS: Final = frozenset(b"._+-")
_ESCAPE: Final = re.compile(rb"(?:\\[nrtbf]|%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4})$")


def has_edges(edge: Edge, encoding: Encoding, data: bytes, start: int, end: int) -> bool:
    """Whether what stands beside data[start:end] lets it be a whole value; the ends of the data are edges."""
    if edge is Edge.NONE or encoding is Encoding.BASE64:
        return True
    if encoding is Encoding.UTF16:
        before, behind = _narrow(data, start, -1), _narrow(data, end, 1)
    else:
        before, behind = data[max(start - 8, 0) : start], data[end : end + 2]
    return _ends_at_edge(before, edge) and _starts_at_edge(behind, edge)


def _ends_at_edge(before: bytes, edge: Edge) -> bool:
    if not before or _ESCAPE.search(before):
        return True
    if edge is Edge.EMAIL and before[-1] in _ADDRESS:
        # A dash may also begin an item of a list; behind a letter it is a part of a longer address.
        return len(before) == 1 or before[-2] not in _ALNUM
    return before[-1] not in _ALNUM


def _starts_at_edge(behind: bytes, edge: Edge) -> bool:
    if edge is Edge.NAME and behind[:1] in {b"s", b"S"}:
        behind = behind[1:]
    return not behind or behind[0] not in _ALNUM


def _narrow(data: bytes, at: int, direction: int) -> bytes:
    """Up to eight UTF-16 units beside a place as bytes of their own; other than ASCII becomes a NUL."""
    units = data[max(at - 16, at % 2) : at] if direction < 0 else data[at : at + 4]
    units = units[: len(units) // 2 * 2]
    return bytes(low if high == 0 and low < 128 else 0 for low, high in zip(units[::2], units[1::2], strict=True))
