"""What of a person stands inside other people's JSON, and how it is taken out: quotes, ids, names beside them.

Works on slices of the original text, so that what is not the subject's keeps its bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Container
from itertools import chain, count
from typing import TypeAlias

from pipeline.lake import exact_json
from pipeline.suppression.matcher import CHANNEL_QUOTE, Effect

EffectOf: TypeAlias = Callable[[str], Effect | None]
"""What becomes of whom an id belongs to."""

ERASED = b'{"type":"erased"}'
QUOTE = "quotedMessage"
_TOKEN = re.compile(rb'"([^"\\]{1,128})"')
_NAMES = frozenset({"displayName", "avatarUrl"})
_CHANNEL = frozenset({"client", "device"})


def carries(raw: bytes, effect_of: EffectOf, effect: Effect = Effect.DROP) -> bool:
    """Whether a string of the JSON text is an id of somebody who meets with this effect."""
    if any(effect_of(token.decode("utf-8", "replace")) is effect for token in _TOKEN.findall(raw)):
        return True
    return rb"\u" in raw and any(effect_of(text) is effect for text in _strings(json.loads(raw)))


def clean_ids(raw: bytes, effect_of: EffectOf) -> bytes | None:
    """The JSON value without what carries an id of the erased; None if nothing is left of it.

    An object that names one of them becomes `{"type":"erased"}`; at the top only the members that do are left out.
    """
    if not carries(raw, effect_of):
        return raw
    if not raw.startswith(b"{"):
        return _without_ids(raw, effect_of)
    kept = {name: part for name, part in exact_json.split(raw).items() if not _is_theirs(part, effect_of)}
    return exact_json.render({name: _without_ids(part, effect_of) for name, part in kept.items()}) if kept else None


def clean_quote(raw: bytes, effect_of: EffectOf) -> bytes:
    """A quote, erased if the quoted message is the subject's; a quote within it may be theirs although it is not."""
    inner = _find_quote(raw)
    rest = raw if inner is None else _replace_quotes(raw, lambda _: b"null")
    if carries(rest, effect_of):
        return ERASED
    cleaned = raw if inner is None else _replace_quotes(raw, lambda quote: clean_quote(quote, effect_of))
    return _without_names(cleaned, effect_of) if carries(rest, effect_of, Effect.MASK) else cleaned


def clean_payload(raw: bytes, effect_of: EffectOf) -> bytes | None:
    """The payload of an event with the subject's quotes erased; None if it is about them beside the quotes."""
    rest = _replace_quotes(raw, lambda _: b"null")
    if carries(rest, effect_of) or carries(rest, effect_of, Effect.MASK):
        return None
    return _replace_quotes(raw, lambda quote: clean_quote(quote, effect_of))


def clean_channel_quotes(raw: bytes, is_theirs: Callable[[str], bool], *, is_quote: bool) -> bytes:
    """The quote, or what holds quotes, with those erased that name the subject's message by the id of its channel."""
    if is_quote and raw.startswith(b"{"):
        named = exact_json.split(raw).get(CHANNEL_QUOTE, b"")
        if named.startswith(b'"') and is_theirs(json.loads(named)):
            return ERASED
    return _replace_quotes(raw, lambda quote: clean_channel_quotes(quote, is_theirs, is_quote=True))


def map_texts(raw: bytes, change: Callable[[str], str]) -> bytes:
    """The JSON value with every string changed, every name of a member and every number that reads like a text of it.

    Unchanged parts keep their bytes.
    """
    if raw.startswith(b"{"):
        parts = exact_json.split(raw)
        changed: dict[str, bytes] = {}
        for name, part in parts.items():
            changed[_unused(change(name), changed)] = map_texts(part, change)
        return raw if changed == parts else exact_json.render(changed)
    if raw.startswith(b"["):
        return _map_parts(raw, lambda _, part: map_texts(part, change))
    text = json.loads(raw) if raw.startswith(b'"') else raw.decode()
    new = change(text)
    return raw if new == text else json.dumps(new).encode()


def _unused(name: str, names: Container[str]) -> str:
    """The name, or the name with a number where two have become the same."""
    return next(each for each in chain([name], (f"{name} {number}" for number in count(2))) if each not in names)


def _without_ids(raw: bytes, effect_of: EffectOf) -> bytes:
    if not carries(raw, effect_of):
        return raw
    if raw.startswith(b"{"):
        parts = exact_json.split(raw)
        if any(_is_theirs(part, effect_of) for part in parts.values()):
            return ERASED
    return ERASED if raw.startswith(b'"') else _map_parts(raw, lambda _, part: _without_ids(part, effect_of))


def _is_theirs(raw: bytes, effect_of: EffectOf) -> bool:
    return raw.startswith(b'"') and carries(raw, effect_of)


def _without_names(raw: bytes, effect_of: EffectOf) -> bytes:
    """The quoted messages of masked people without what names them."""
    if not raw.startswith(b"{") or not carries(raw, effect_of, Effect.MASK):
        return raw
    parts = exact_json.split(raw)
    author = parts.get("author", b"")
    if author.startswith(b"{") and carries(author, effect_of, Effect.MASK):
        parts["author"] = _leave_out(author, _NAMES | {"user"})
        if parts.get("source", b"").startswith(b"{"):
            parts["source"] = _leave_out(parts["source"], _CHANNEL)
    return exact_json.render({name: _without_names(part, effect_of) for name, part in parts.items()})


def _leave_out(raw: bytes, names: frozenset[str]) -> bytes:
    return exact_json.render({name: part for name, part in exact_json.split(raw).items() if name not in names})


def _find_quote(raw: bytes) -> bytes | None:
    return raw if f'"{QUOTE}"'.encode() in raw or rb"\u" in raw else None


def _replace_quotes(raw: bytes, replace: Callable[[bytes], bytes]) -> bytes:
    """The JSON value with every outermost member `quotedMessage` replaced."""
    if _find_quote(raw) is None:
        return raw
    return _map_parts(
        raw, lambda name, part: replace(part) if name == QUOTE and part != b"null" else _replace_quotes(part, replace)
    )


def _map_parts(raw: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """The object or array with each part changed; anything else as it is."""
    if raw.startswith(b"{"):
        parts = exact_json.split(raw)
        changed = {name: change(name, part) for name, part in parts.items()}
        return raw if changed == parts else exact_json.render(changed)
    if raw.startswith(b"["):
        items = exact_json.elements(raw)
        new = [change("", item) for item in items]
        return raw if new == items else b"[" + b",".join(new) + b"]"
    return raw


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for part in value.values() for text in _strings(part)]
    return [text for part in value for text in _strings(part)] if isinstance(value, list) else []
