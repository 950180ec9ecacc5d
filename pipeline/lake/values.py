"""Single values: a slice of JSON text becomes what its column holds, and back.

A reader answers with the column's value and whether that value gives the JSON value back exactly; where it does not,
the slice itself goes into `extra`, and the column holds the nearest value there is, or null.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

import msgspec

from pipeline.lake import exact_json
from pipeline.lake.schema import Kind

Read: TypeAlias = "tuple[Any, bool]"

_NOTHING: Read = (None, False)
_INTEGER = re.compile(rb"0|-?[1-9][0-9]{0,18}")
_STRING = msgspec.json.Decoder(str)
_STRINGS = msgspec.json.Decoder(list[str])


def read(kind: Kind, raw: bytes) -> Read:
    """The value that a column of `kind` holds for a slice of JSON text, and whether it says everything.

    An explicit null is never said by a column: null there means that the field is absent.
    """
    return _NOTHING if raw == b"null" else _READERS[kind](raw)


def write(kind: Kind, value: Any) -> Any:
    """The JSON value that a column's non-null value stands for."""
    if kind is Kind.JSON:
        return exact_json.parse(value)
    return format_moment(value) if kind is Kind.MOMENT else value


def format_moment(value: datetime) -> str:
    """The API's form of a moment, `YYYY-MM-DDThh:mm:ss.SSSZ` (api.md, section 3)."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def parse_moment(text: str) -> datetime | None:
    """The moment that an ISO 8601 text names, cut to milliseconds; UTC where it names no offset; None if it is none."""
    try:
        value = datetime.fromisoformat(text)
        value = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return cut(value)


def cut(moment: datetime) -> datetime:
    """The moment cut to whole milliseconds.

    Raises:
        ValueError: the moment is naive.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    beyond = moment.microsecond % 1000
    return moment.replace(microsecond=moment.microsecond - beyond) if beyond else moment


def _read_string(raw: bytes) -> Read:
    try:
        return _STRING.decode(raw), True
    except msgspec.ValidationError:
        return _NOTHING
    except msgspec.DecodeError:  # a lone surrogate
        text: str = json.loads(raw)
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), False


def _read_bool(raw: bytes) -> Read:
    return (raw == b"true", True) if raw in (b"true", b"false") else _NOTHING


def _read_int(raw: bytes) -> Read:
    if not _INTEGER.fullmatch(raw):
        return _NOTHING
    value = int(raw)
    return (value, True) if -(2**63) <= value < 2**63 else _NOTHING


def _read_moment(raw: bytes) -> Read:
    text, exact = _read_string(raw)
    value = None if text is None else parse_moment(text)
    return value, exact and value is not None and format_moment(value) == text


def _read_strings(raw: bytes) -> Read:
    try:
        return _STRINGS.decode(raw), True
    except msgspec.DecodeError:
        return _NOTHING


def _read_json(raw: bytes) -> Read:
    return raw, True


_READERS: Mapping[Kind, Callable[[bytes], Read]] = {
    Kind.STRING: _read_string,
    Kind.BOOL: _read_bool,
    Kind.INT: _read_int,
    Kind.MOMENT: _read_moment,
    Kind.STRINGS: _read_strings,
    Kind.JSON: _read_json,
}
