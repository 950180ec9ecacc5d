"""What an identifier may look like before it is sent or searched for. Each check says what is wrong, or None.

No answer quotes the value: it is personal data.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

MAX_EXTERNAL_ID: Final = 1024
MAX_BRAND_ID: Final = 24
MAX_EMAIL: Final = 320

_RECORD_ID = re.compile(r"[0-9a-f]{24}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def is_record_id(value: str) -> bool:
    """Whether a value has the form of the API's own ids."""
    return _RECORD_ID.fullmatch(value) is not None


def app_problem(app_id: str | None, app_ids: Sequence[str]) -> str | None:
    """Of an app; None where a row names none."""
    if app_id is None:
        return "app_id is needed, since several apps are configured"
    return None if app_id in app_ids else "app_id is not one of the configured apps"


def record_problem(name: str, value: str) -> str | None:
    """Of a record's id, which becomes a path segment and a cursor."""
    if is_record_id(value):
        return None
    return f"{name} is not 24 hexadecimal digits in lower case ({len(value)} characters given)"


def external_problem(name: str, value: str) -> str | None:
    """Of an id that somebody else gave, and that becomes a path segment."""
    if value in {".", ".."}:
        return f"{name} is a dot segment, which would address another thing"
    return blemish(name, value, limit=MAX_EXTERNAL_ID)


def email_problem(name: str, value: str) -> str | None:
    """Of an e-mail address."""
    local, _, domain = value.partition("@")
    if not local or not domain or "@" in domain or value.split() != [value]:
        return f"{name} is no address with one @ and no blanks ({len(value)} characters given)"
    return blemish(name, value, limit=MAX_EMAIL)


def brand_problem(value: str) -> str | None:
    """Of a brand's id."""
    return blemish("brand_id", value, limit=MAX_BRAND_ID)


def blemish(name: str, value: str, *, limit: int) -> str | None:
    """Of any text: blanks at its ends, control characters, too long."""
    if value != value.strip():
        return f"{name} begins or ends with a blank ({len(value)} characters given)"
    if _CONTROL.search(value):
        return f"{name} holds a control character ({len(value)} characters given)"
    if len(value) > limit:
        return f"{name} has {len(value)} characters where {limit} are allowed"
    return None
