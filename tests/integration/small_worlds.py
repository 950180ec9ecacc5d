"""Builds tiny worlds for the sandbox, in which each test names just the people and conversations it is about."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

Json = dict[str, Any]

BEGINNING = datetime(2026, 1, 10, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


def oid(name: str) -> str:
    """An id of 24 hex digits for a name."""
    return sha256(name.encode()).hexdigest()[:24]


def moment(at: datetime) -> str:
    """A moment as the API writes it."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def message(name: str, at: datetime, *, author: str = "", text: str = "") -> Json:
    """A text message; without an author it is the business's."""
    who: Json = {"type": "user", "userId": oid(author)} if author else {"type": "business", "subtypes": []}
    content = {"type": "text", "text": text or f"Text of {name}"}
    return {"id": oid(name), "received": moment(at), "author": who, "content": content, "source": {"type": "web"}}


def participant(conversation: str, user: str) -> Json:
    """A user's place in a conversation."""
    return {"id": oid(f"{conversation}/{user}"), "userId": oid(user), "unreadCount": 0, "clientAssociations": []}


@dataclass
class SmallWorld:
    """A world under construction. Names stand for ids: `oid(name)`."""

    name: str
    lines: list[Json] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._put("apps", {"id": self.app_id, "displayName": "Small", "settings": {}, "metadata": {}})

    @property
    def app_id(self) -> str:
        """The app."""
        return oid(f"app {self.name}")

    def user(self, name: str, *, clients: Sequence[str] = (), **fields: Any) -> SmallWorld:
        """Add a user with clients of these names."""
        self._put("users", {"id": oid(name), "authenticated": True, "profile": {"givenName": name}, **fields})
        for client in clients:
            self._put("clients", {"id": oid(client), "type": "web", "status": "active"}, user_id=oid(name))
        return self

    def conversation(
        self,
        name: str,
        users: Sequence[str],
        *,
        messages: int = 1,
        every: timedelta = HOUR,
        begin: datetime = BEGINNING,
        **fields: Any,
    ) -> SmallWorld:
        """Add a conversation of these users with so many messages, named `<name>#<number>`."""
        last = begin + every * max(messages - 1, 0)
        head: Json = {
            "id": oid(name),
            "type": "personal" if len(users) == 1 else "sdkGroup",
            "metadata": {},
            "isDefault": False,
            "createdAt": moment(begin),
            "lastUpdatedAt": moment(last),
        }
        self._put("conversations", head | fields)
        for user in users:
            self._put("participants", participant(name, user), conversation_id=oid(name))
        for number in range(messages):
            author = users[0] if users and number % 2 == 0 else ""
            item = message(f"{name}#{number}", begin + every * number, author=author)
            self._put("messages", item, conversation_id=oid(name))
        return self

    def write(self, folder: Path) -> str:
        """Write the world down and return the spec that opens it."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{self.name}.world.jsonl"
        file.write_text("".join(json.dumps(line) + "\n" for line in self.lines))
        return f"recorded:{file}"

    def _put(self, table: str, value: Json, **owner: str) -> None:
        self.lines.append({"table": table, "app_id": self.app_id, "object": value, **owner})
