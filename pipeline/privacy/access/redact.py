"""Turns rows of the lake into rows of the copy: other people redacted, bookkeeping left out (gdpr.md, section 9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from pipeline.lake import exact_json
from pipeline.privacy.access.json_parts import fields, string, without
from pipeline.privacy.access.messages import redact_event_message, redact_message, withhold_text
from pipeline.privacy.access.others import Others
from pipeline.privacy.access.source import Row, Source

_FREE_JSON: Final[Mapping[str, tuple[str, ...]]] = {
    "users": ("metadata", "extra"),
    "clients": ("info", "raw", "extra"),
    "devices": ("info", "extra"),
    "participants": ("client_associations", "extra"),
    "conversations": ("active_switchboard_integration", "pending_switchboard_integration", "metadata", "extra"),
}
_GROUP_ONLY_FOR_MEMBERS: Final = ("metadata", "extra")
_EVENT_FACTS: Final = ("type", "isDefault", "client", "device", "source", "postback", "referral", "reason", "createdAt")


@dataclass(slots=True)
class Redaction:
    """Redacts the rows of one copy, table by table in the order of `COPIED`.

    Args:
        others: who must not be recognised.
        groups: conversations whose other members are users.
        withheld: rows that are left out because the subject was not there to see them.
    """

    others: Others
    groups: frozenset[str]
    withheld: int = 0
    _seen_until: dict[str, datetime | None] = field(default_factory=dict)

    def rows(self, source: Source, name: str) -> Iterator[Row]:
        """The rows of one table as the copy holds them."""
        if name == "messages":
            self._find_last_own(source)
        for row in source.rows(name):
            made = self._row(name, row)
            if made is not None:
                yield made

    def _row(self, name: str, row: Row) -> Row | None:
        if name == "messages":
            return self._message(row)
        if name == "events":
            return self._event(row)
        if name == "participants":
            self._note_membership(row)
        made = dict(row)
        if name == "conversations" and row["conversation_id"] in self.groups:
            # Members see its name, nobody sees its custom properties, which may be about anybody.
            made |= dict.fromkeys(_GROUP_ONLY_FOR_MEMBERS)
            for column in ("display_name", "description", "icon_url"):
                made[column] = row[column] and self.others.masked(row[column])
        for column in _FREE_JSON[name]:
            if made[column] is not None:
                made[column] = without(made[column], mask=self.others.masked)
        return made

    def _message(self, row: Row) -> Row | None:
        made = redact_message(row, self.others)
        if self.others.is_own(row):
            return made
        conversation = row["conversation_id"]
        if conversation not in self.groups:
            return made
        until = self._seen_until.get(conversation)
        if conversation not in self._seen_until or (until and row["received_at"] and row["received_at"] > until):
            self.withheld += 1
            return None
        is_withdrawn = row["author_type"] == "user" and row["copy_state"] not in ("current", "retention")
        return withhold_text(made) if is_withdrawn else made

    def _event(self, row: Row) -> Row:
        """The event without what it says of others; parts that are not known here are left out (fail closed)."""
        payload = fields(row["payload"])
        about_subject = self.others.is_own_user(row["user_id"])
        kept: dict[str, bytes] = {}
        if "message" in payload:
            kept["message"] = redact_event_message(payload["message"], self.others).encode()
        if "conversation" in payload:
            whole = fields(payload["conversation"])
            kept["conversation"] = exact_json.render({key: whole[key] for key in ("id", "type") if key in whole})
        user = payload.get("user")
        if user is not None and self.others.is_own_user(string(fields(user).get("id"))):
            kept["user"] = without(user, mask=self.others.masked).encode()
        if about_subject:
            facts = {name: payload[name] for name in _EVENT_FACTS if name in payload}
            kept |= {name: without(raw, mask=self.others.masked).encode() for name, raw in facts.items()}
        own = row["user_id"] if about_subject else None
        return {**row, "user_id": own, "payload": exact_json.render(kept).decode(), "extra": None}

    def _note_membership(self, row: Row) -> None:
        """A member sees everything, a former member what came before the end of the membership."""
        key, until = row["conversation_id"], row["copy_state_at"]
        known = self._seen_until.get(key, until)
        self._seen_until[key] = None if until is None or known is None else max(known, until)

    def _find_last_own(self, source: Source) -> None:
        """Where no membership is known, the subject's own last message shows until when there was one."""
        query = """
            select conversation_id, max(received_at) from messages_files
            where author_user_id in (select id from own_users) or message_id in (select id from own_messages)
            group by conversation_id having max(received_at) is not null
        """
        for key, last in source.fetch(query):
            self._seen_until.setdefault(key, last)
