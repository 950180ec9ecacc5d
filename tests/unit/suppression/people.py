"""Rows of two people, Anna who is erased and Ben who stays, as the codec of the lake makes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pyarrow as pa

from pipeline.lake.rows import encode
from pipeline.lake.tables import TABLES
from pipeline.suppression.subjects import Action, Subject

APP = "app"
NOW = datetime(2026, 5, 1, tzinfo=UTC)


def oid(name: str) -> str:
    """An id of 24 hex digits for a name."""
    return sha256(name.encode()).hexdigest()[:24]


def anna(action: Action = Action.ERASE, **fields: Any) -> Subject:
    """Anna, who talks alone, and with Ben in a group."""
    known: dict[str, Any] = {
        "user_ids": frozenset({oid("anna"), oid("anna before the merge")}),
        "client_ids": frozenset({oid("anna's client")}),
        "device_ids": frozenset({oid("anna's device")}),
        "participant_ids": frozenset({oid("anna in group"), oid("anna alone")}),
        "personal_conversation_ids": frozenset({oid("alone")}),
        "group_conversation_ids": frozenset({oid("group")}),
        "message_ids": frozenset({oid("anna in group says")}),
        "emails": frozenset({"Anna.Ernst@example.org"}),
        "phones": frozenset({"+49 30 1234567"}),
        "external_ids": frozenset({("customer-77", None)}),
        "names": frozenset({("Anna", "Ernst-Müller")}),
    }
    return Subject(app_id=APP, action=action, **({"tag": "tag"} | known | fields))


def rows_of(table: str, *objects: Mapping[str, Any], **parents: str) -> pa.Table:
    """The rows of objects as the exporter encodes them."""
    sources = [json.dumps(item, ensure_ascii=False).encode() for item in objects]
    return encode(TABLES[table], sources, parents=parents, exported_at=NOW, run_id="run")


def message(name: str, author: str | None, **fields: Any) -> dict[str, Any]:
    """A text message; without an author it is the business's."""
    who = {"type": "user", "userId": oid(author), "displayName": author} if author else {"type": "business"}
    return {
        "id": oid(name),
        "received": "2026-03-01T10:00:00.000Z",
        "author": who,
        "content": {"type": "text", "text": f"Text of {name}"},
        "source": {"type": "web"},
        **fields,
    }


def quote_of(quoted: Mapping[str, Any]) -> dict[str, Any]:
    """The field `quotedMessage`."""
    return {"quotedMessage": {"type": "message", "message": dict(quoted)}}
