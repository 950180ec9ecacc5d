"""When two e-mail addresses or two phone numbers are the same (gdpr.md, section 5)."""

from __future__ import annotations

import re
from typing import Final

LEAST_DIGITS: Final = 7
PHONE_PATTERN: Final = r"\+?[0-9 ().\-/]+"
"""What a phone number is written with; the pattern means the same to Python and to DuckDB."""

_PHONE = re.compile(PHONE_PATTERN)


def phone_digits(value: str) -> str | None:
    """The digits of a phone number, or None for what is no phone number."""
    if not _PHONE.fullmatch(value):
        return None
    digits = "".join(character for character in value if character.isdigit())
    return digits if len(digits) >= LEAST_DIGITS else None


def is_email(value: str) -> bool:
    """Whether a value that may be many things is an e-mail address."""
    local, _, domain = value.partition("@")
    return bool(local and domain) and "@" not in domain and value.split() == [value]
