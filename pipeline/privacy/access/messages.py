"""What of a message belongs into the copy: all of the subject's own, and of others what the subject was shown.

The choice (Art. 15(1), 15(4) GDPR): texts that others wrote in a conversation are part of the conversation that the
subject took part in, and are shown; who wrote them is not, beyond `Person 1`, `Agent 1`, `Bot 1`. Of a business's
messages the whole visible content is shown. Of another user's only text and kind of media: answers to forms, places,
file names and links to uploads say more about that user than about the subject. Hidden custom properties of what others
wrote are left out. A quote is a copy, and treated like what it copies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pipeline.lake import exact_json
from pipeline.privacy.access.json_parts import INNER, fields, string, strings, without
from pipeline.privacy.access.others import Others

IDENTITY: Final = (
    "author_user_id",
    "author_display_name",
    "author_avatar_url",
    "source_original_message_id",
    "source_original_message_at",
    "metadata",
    "extra",
)
"""Columns that are emptied in messages of others."""

_OTHER_USERS_CONTENT: Final = ("type", "text", "htmlText", "mediaType", "mediaSize")


def redact_message(row: Mapping[str, Any], others: Others) -> dict[str, Any]:
    """A row of the table of messages as the copy holds it, with `author` and the list `withheld`."""
    made = {**row, "author": others.label(row)}
    own = others.is_own(row)
    if row["quoted_message"] is not None:
        made["quoted_message"] = _quote(row["quoted_message"], others)
    if own:
        for name in ("metadata", "activity", "references", "extra"):
            if row[name] is not None:
                made[name] = without(row[name], mask=others.masked)
        return {**made, "withheld": []}
    made |= dict.fromkeys(IDENTITY)
    if row["activity"] is not None:
        made["activity"] = _of_type(row["activity"])
    if row["references"] is not None:
        made["references"] = without(row["references"], INNER, mask=others.masked)
    if row["author_type"] == "user":
        made["source_integration_id"] = None
    content = row["content"]
    if content is not None:
        made["content"] = _content(content, is_user=row["author_type"] == "user")
    changed = [name for name in row if row[name] is not None and made[name] != row[name]]
    return {**made, "withheld": changed}


def withhold_text(row: Mapping[str, Any]) -> dict[str, Any]:
    """A redacted message of which nothing but its existence is told: another person has withdrawn it."""
    hidden = ("text", "content", "quoted_message", "references", "activity")
    withheld = {*row["withheld"], *(name for name in hidden if row[name] is not None)}
    return {**row, **dict.fromkeys(hidden), "withheld": sorted(withheld)}


def redact_event_message(source: bytes, others: Others) -> str:
    """A message inside of a webhook's event or a quote, as JSON."""
    whole = fields(source)
    author = fields(whole.get("author"))
    account = fields(author.get("user"))
    who = {
        "message_id": string(whole.get("id")),
        "author_type": string(author.get("type")),
        "author_subtypes": strings(author.get("subtypes")),
        "author_user_id": string(author.get("userId")) or string(account.get("id")),
        "author_display_name": string(author.get("displayName")),
    }
    if others.is_own(who):
        kept = {name: raw for name, raw in whole.items() if name != "quotedMessage"}
        result = fields(without(exact_json.render(kept), mask=others.masked))
        if "content" in whole:
            result["content"] = without(whole["content"]).encode()
    else:
        result = {name: whole[name] for name in ("id", "received", "deleted") if name in whole}
        told: dict[str, bytes | exact_json.Overlay]
        told = {name: author[name] for name in ("type", "subtypes") if name in author}
        result["author"] = exact_json.render({**told, "label": _text(others.label(who))})
        if "content" in whole:
            result["content"] = _content(whole["content"], is_user=who["author_type"] == "user").encode()
    if "quotedMessage" in whole:
        result["quotedMessage"] = _quote(whole["quotedMessage"], others).encode()
    return exact_json.render(result).decode()


def _quote(source: str | bytes, others: Others) -> str:
    quote = fields(source)
    result = {"type": quote["type"]} if "type" in quote else {}
    if "message" in quote:
        result["message"] = redact_event_message(quote["message"], others).encode()
    return exact_json.render(result).decode()


def _content(source: str | bytes, *, is_user: bool) -> str:
    if not is_user:
        return without(source, INNER)
    whole = fields(source)
    return exact_json.render({name: whole[name] for name in _OTHER_USERS_CONTENT if name in whole}).decode()


def _of_type(source: str | bytes) -> str:
    whole = fields(source)
    return exact_json.render({"type": whole["type"]} if "type" in whole else {}).decode()


def _text(value: str) -> bytes:
    return f'"{value}"'.encode()
