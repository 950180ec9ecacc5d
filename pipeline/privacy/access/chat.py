"""Messages of the copy as a reader sees them: who, when, and the content as lines of text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias

from pipeline.privacy.access.others import SUBJECT_LABEL

Json: TypeAlias = "dict[str, Any]"

_FACTS: Final[Mapping[str, str]] = {
    "mediaUrl": "Link",
    "mediaType": "Kind of file",
    "altText": "Description",
    "attachmentId": "Attachment",
}
_STATES: Final[Mapping[str, str]] = {
    "gone": "no longer at the messaging service",
    "deleted": "deleted at the messaging service",
    "merged": "merged into another conversation or person",
    "retention": "deleted at the messaging service because of its age",
}
_FILES: Final[Mapping[str, str]] = {
    "gone": "the file is no longer at the messaging service",
    "not_asked": "the file was not fetched for this copy",
    "failed": "the file could not be fetched for this copy",
}
_DEEPEST_QUOTE: Final = 8


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a message; `name` is what the value is, empty for plain text."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message to be shown; of a quote as well."""

    author: str
    side: str
    at: datetime | None
    lines: list[Line]
    notes: list[str] = field(default_factory=list)
    quote: Bubble | None = None
    files: list[str] = field(default_factory=list)


def bubble(row: Mapping[str, Any], attached: Sequence[Mapping[str, Any]] = ()) -> Bubble:
    """A row of the copy's messages as it is shown, with its files."""
    content = _object(row["content"])
    lines = list(content_lines(content))
    activity = _object(row["activity"])
    if activity.get("type"):
        lines.append(Line("Event", str(activity["type"])))
    notes = [_STATES[row["copy_state"]]] if row["copy_state"] in _STATES else []
    if row["deleted"]:
        notes.append("placeholder of a deleted message")
    if row["withheld"] and not lines:
        notes.append("content left out to protect another person")
    elif row["withheld"] and "content" in row["withheld"]:
        notes.append("shortened to protect another person")
    notes += dict.fromkeys(_FILES[item["state"]] for item in attached if item["state"] in _FILES)
    files = [item["file"] for item in attached if item["file"] is not None]
    quote = _quote(_object(row["quoted_message"]), depth=0)
    return Bubble(row["author"], _side(row["author"]), row["received_at"], lines, notes, quote, files)


def content_lines(content: Json) -> Iterator[Line]:
    """The content of any type as lines; what is not known is shown as JSON, so that nothing is hidden."""
    rest = dict(content)
    kind = str(rest.pop("type", ""))
    text = rest.pop("text", None)
    if isinstance(text, str):
        yield Line("", text)
    if isinstance(html := rest.pop("htmlText", None), str):
        yield Line("As HTML", html)
    if kind not in ("", "text"):
        yield Line("Kind of message", kind)
    for key, name in _FACTS.items():
        if rest.get(key) is not None:
            yield Line(name, str(rest.pop(key)))
    for key, value in flat(rest):
        yield Line(key, value)


def flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Nested values as pairs of path and text, in their order."""
    if isinstance(value, dict) and value:
        for key, member in value.items():
            yield from flat(member, f"{path} / {key}" if path else str(key))
    elif isinstance(value, list) and value:
        for place, member in enumerate(value, 1):
            yield from flat(member, f"{path} {place}" if path else str(place))
    elif value is not None and value not in ({}, []):
        yield path, value if isinstance(value, str) else json.dumps(value)


def state_note(state: str) -> str:
    """What a state means, in words; empty for what is current."""
    return _STATES.get(state, "")


def _quote(quote: Json, *, depth: int) -> Bubble | None:
    if not quote or depth == _DEEPEST_QUOTE:
        return None
    message = quote.get("message")
    if not isinstance(message, dict):
        return Bubble("", "other", None, [Line("Quote", "of a message that is not stored here")])
    author = message.get("author")
    label = str(author.get("label", SUBJECT_LABEL)) if isinstance(author, dict) else ""
    inner = message.get("quotedMessage")
    content = message.get("content")
    lines = list(content_lines(content if isinstance(content, dict) else {}))
    return Bubble(
        label, _side(label), None, lines, quote=_quote(inner if isinstance(inner, dict) else {}, depth=depth + 1)
    )


def _side(label: str) -> str:
    if label == SUBJECT_LABEL:
        return "own"
    return "person" if label.startswith("Person") else "business"


def _object(source: str | None) -> Json:
    value = None if source is None else json.loads(source)
    return value if isinstance(value, dict) else {}
