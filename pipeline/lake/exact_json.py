"""JSON that loses nothing: objects are cut into slices of their original text, and numbers are parsed exactly.

msgspec cuts quickly, but refuses strings with lone surrogates (legal JSON, not legal Unicode), which cut-off emoji do
produce; the standard library, slower, reads those.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn, TypeAlias

import msgspec

Overlay: TypeAlias = "dict[str, bytes | Overlay]"
"""A JSON object in parts: slices of original text, or objects in parts again."""

_MAX_INT_DIGITS = 4_300  # Python refuses to read longer integers
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])
_BLANK = re.compile(r"[ \t\n\r]*")


def parse(source: str | bytes) -> Any:
    """The value of a JSON text, with numbers that compare exactly.

    An integer becomes an int, any other number the float whose shortest form is that very number, or else a Decimal:
    0.1 is a float, 1e400 and 0.1000000000000000000001 are Decimals. Only its spelling (1.0, 1.00, 1e0) is not
    told apart. Exponents beyond Decimal's own range (18 digits) become a zero or infinite float.

    Raises:
        ValueError: the text is not JSON.
    """
    return json.loads(source, parse_int=_exact_integer, parse_float=_exact_float, parse_constant=_refuse)


def split(source: bytes) -> dict[str, bytes]:
    """The fields of a JSON object as slices of its text; of equal keys the last wins.

    Raises:
        ValueError: the text is not a JSON object.
    """
    try:
        return {key: bytes(value) for key, value in _FIELDS.decode(source).items()}
    except msgspec.ValidationError as error:
        raise ValueError("not a JSON object") from error
    except msgspec.DecodeError:
        return dict(_members(source))


def elements(source: bytes) -> list[bytes]:
    """The elements of a JSON array as slices of its text.

    Raises:
        ValueError: the text is not a JSON array.
    """
    try:
        return [bytes(value) for value in _ELEMENTS.decode(source)]
    except msgspec.ValidationError as error:
        raise ValueError("not a JSON array") from error
    except msgspec.DecodeError:
        return list(_items(source))


def render(overlay: Mapping[str, bytes | Overlay]) -> bytes:
    """The JSON text of an object in parts; keys are written in ASCII, so that any key is valid Unicode."""
    return b"{" + b",".join(map(_render_member, overlay.items())) + b"}"


def merge(base: dict[str, Any], overlay: Mapping[str, Any]) -> None:
    """Put `overlay` over `base` in place: an object goes into an object, anything else replaces."""
    for key, value in overlay.items():
        below = base.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            merge(below, value)
        else:
            base[key] = value


def _exact_integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= _MAX_INT_DIGITS else Decimal(text)


def _exact_float(text: str) -> float | Decimal:
    value = float(text)
    try:
        number = Decimal(text)
    except InvalidOperation:
        return value
    return value if math.isfinite(value) and Decimal(repr(value)) == number else number


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _render_member(member: tuple[str, bytes | Overlay]) -> bytes:
    key, value = member
    return json.dumps(key).encode() + b":" + (value if isinstance(value, bytes) else render(value))


# The values are only measured here, so their numbers need not be read.
_MEASURE = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse)


def _members(source: bytes) -> Iterator[tuple[str, bytes]]:
    text = source.decode()
    position = _expect(text, 0, "{")
    while not text.startswith("}", position):
        _expect(text, position, '"')
        key, position = _MEASURE.raw_decode(text, position)
        start = _expect(text, position, ":")
        position = _MEASURE.raw_decode(text, start)[1]
        yield key, text[start:position].encode()
        position = _next(text, position, "}")
    _end(text, position)


def _items(source: bytes) -> Iterator[bytes]:
    text = source.decode()
    position = _expect(text, 0, "[")
    while not text.startswith("]", position):
        start = position
        position = _MEASURE.raw_decode(text, start)[1]
        yield text[start:position].encode()
        position = _next(text, position, "]")
    _end(text, position)


def _expect(text: str, position: int, token: str) -> int:
    """The position behind `token` and the blanks around it."""
    position = _skip(text, position)
    if not text.startswith(token, position):
        raise ValueError("malformed JSON")
    return _skip(text, position + 1)


def _next(text: str, position: int, closing: str) -> int:
    """The position of the next part, or of the closing bracket."""
    position = _skip(text, position)
    if text.startswith(closing, position):
        return position
    position = _expect(text, position, ",")
    if text.startswith(closing, position):
        raise ValueError("malformed JSON")
    return position


def _end(text: str, position: int) -> None:
    if _skip(text, position + 1) != len(text):
        raise ValueError("malformed JSON")


def _skip(text: str, position: int) -> int:
    blank = _BLANK.match(text, position)
    return blank.end() if blank else position
