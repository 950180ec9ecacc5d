"""Leaves parts of a JSON text out and masks its strings; whatever stays keeps its own spelling."""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Final

from pipeline.lake import exact_json
from pipeline.lake.secrets import ANYWHERE

Mask = Callable[[str], str]

INNER: Final = frozenset({"metadata", "payload"})
"""What a business hides inside the parts of a message: nobody is shown it."""


def without(source: str | bytes, names: AbstractSet[str] = frozenset(), *, mask: Mask | None = None) -> str:
    """The JSON text without the fields of these names and without secrets, at any depth, and with masked strings."""
    raw = source.encode() if isinstance(source, str) else source
    return _kept(raw, names | ANYWHERE, mask).decode()


def fields(source: str | bytes | None) -> dict[str, bytes]:
    """The fields of a JSON object as slices of its text; none where it is no object."""
    raw = (source.encode() if isinstance(source, str) else source) or b""
    return exact_json.split(raw) if raw.lstrip().startswith(b"{") else {}


def string(raw: bytes | None) -> str | None:
    """The string that a slice of JSON text holds, or None."""
    value = json.loads(raw) if raw is not None and raw.lstrip().startswith(b'"') else None
    return value if isinstance(value, str) else None


def strings(raw: bytes | None) -> list[str]:
    """The strings of a JSON list."""
    parts = exact_json.elements(raw) if raw is not None and raw.lstrip().startswith(b"[") else []
    return [value for value in map(string, parts) if value is not None]


def _kept(raw: bytes, names: AbstractSet[str], mask: Mask | None) -> bytes:
    raw = raw.strip()
    if raw.startswith(b"{"):
        members = exact_json.split(raw).items()
        return exact_json.render(
            {(mask(name) if mask else name): _kept(value, names, mask) for name, value in members if name not in names}
        )
    if raw.startswith(b"["):
        return b"[" + b",".join(_kept(part, names, mask) for part in exact_json.elements(raw)) + b"]"
    if mask is not None and raw.startswith(b'"'):
        value = json.loads(raw)
        masked = mask(value)
        return raw if masked == value else json.dumps(masked).encode()
    # A number may be an identifier too, such as a channel's user id.
    return raw if mask is None or mask(text := raw.decode()) == text else json.dumps(mask(text)).encode()
