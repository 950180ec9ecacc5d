"""In which bytes a value may be written: UTF-8, UTF-16LE, percent, JSON and HTML escapes, base64."""

from __future__ import annotations

import base64
import html
import json
import unicodedata
from collections.abc import Iterator
from enum import StrEnum
from typing import Final
from urllib.parse import quote, quote_plus


class Encoding(StrEnum):
    """How a value is written."""

    UTF8 = "utf-8"
    UTF16 = "utf-16le"
    PERCENT = "percent"
    JSON = "json"
    HTML = "html"
    BASE64 = "base64"


ESCAPES: Final = (Encoding.PERCENT, Encoding.JSON, Encoding.HTML)
SHORTEST_BASE64: Final = 7
"""Characters of base64 that must be determined by the value alone."""

_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_HEXADECIMAL: Final = frozenset("0123456789abcdef")


def forms_of(value: str) -> list[tuple[Encoding, bytes]]:
    """All forms in which to look for a value without regard to the case of ASCII letters; base64 is exact."""
    texts = _texts(value)
    forms: dict[tuple[Encoding, bytes], None] = {}
    for text in texts:
        forms[Encoding.UTF8, text.encode()] = None
        forms[Encoding.UTF16, text.encode("utf-16-le")] = None
    if not _HEXADECIMAL.issuperset(value):  # hexadecimal digits need no escape, and there are very many of such ids
        plain = set(texts)
        forms |= dict.fromkeys((kind, text.encode()) for kind, text in _escaped(texts) if text not in plain)
    for text in dict.fromkeys((*texts, value.lower())):
        forms |= dict.fromkeys((Encoding.BASE64, form) for form in _base64(text.encode()))
    return list(forms)


def _texts(value: str) -> list[str]:
    if value.isascii():
        return [value]
    cases = (value, value.lower(), value.upper(), value.casefold())
    return list(dict.fromkeys(unicodedata.normalize(form, case) for case in cases for form in ("NFC", "NFD", "NFKC")))


def _escaped(texts: list[str]) -> Iterator[tuple[Encoding, str]]:
    for text in texts:
        yield Encoding.PERCENT, quote(text, safe="")
        yield Encoding.PERCENT, quote(text, safe="/:@?&=+$,;!*'()")
        yield Encoding.PERCENT, quote_plus(text)
        yield Encoding.HTML, html.escape(text)
        yield Encoding.JSON, "".join(f"\\u{unit:04x}" for unit in _utf16_units(text))
        for ascii_only in (True, False):
            escaped = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
            yield Encoding.JSON, escaped
            yield Encoding.JSON, escaped.replace("/", "\\/")
            yield Encoding.JSON, _for_html(escaped)
            yield Encoding.JSON, json.dumps(escaped)[1:-1]  # JSON as a text within JSON


def _utf16_units(text: str) -> memoryview:
    return memoryview(text.encode("utf-16-le")).cast("H")


def _for_html(escaped: str) -> str:
    for character in "<>&'":
        escaped = escaped.replace(character, f"\\u{ord(character):04x}")
    return escaped


def _base64(data: bytes) -> Iterator[bytes]:
    """The characters that the data determines, whatever stands before and behind it."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data)
        sure = encoded[(before * 8 + 5) // 6 : (before + len(data)) * 8 // 6]
        if len(sure) >= SHORTEST_BASE64:
            yield sure
            yield sure.translate(_URL_SAFE)
