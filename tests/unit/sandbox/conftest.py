"""A small world with one of everything that is hard, served over a real socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.forked import Sandbox

APP = "aaaaaaaaaaaaaaaaaaaaaaaa"
OTHER_APP = "bbbbbbbbbbbbbbbbbbbbbbbb"
MEDIA = f"https://sandbox.invalid/media/{APP}/photo one.png"
Json = dict[str, Any]


def oid(name: str) -> str:
    """An id of 24 hex digits for a name."""
    return sha256(name.encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Api:
    """The small world's API: calls with the app's key, and the control of its server."""

    sandbox: Sandbox
    client: httpx.Client

    def get(self, path: str, **params: str | int) -> httpx.Response:
        """GET a path below the app; a double underscore in a parameter stands for brackets: page__after."""
        query = {_brackets(name): value for name, value in params.items()}
        return self.client.get(f"/v2/apps/{APP}{path}", params=query or None)

    def delete(self, path: str) -> httpx.Response:
        """DELETE a path below the app."""
        return self.client.delete(f"/v2/apps/{APP}{path}")

    def post(self, path: str, body: object) -> httpx.Response:
        """POST JSON to a path below the app."""
        return self.client.post(f"/v2/apps/{APP}{path}", json=body)

    def messages(self, conversation: str, **params: str | int) -> httpx.Response:
        """GET the messages of the conversation with this name."""
        return self.get(f"/conversations/{oid(conversation)}/messages", **params)

    def as_key(self, scope: str, *, app_id: str = APP) -> httpx.Client:
        """Another key's client."""
        key = self.sandbox.key(scope, app_id=app_id)
        return httpx.Client(base_url=self.sandbox.base_url, auth=(key.id, key.secret))


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Two recorded worlds in one server."""
    folder = tmp_path_factory.mktemp("worlds")
    worlds = [f"recorded:{write_world(folder / f'{app_id}.jsonl', app_id)}" for app_id in (APP, OTHER_APP)]
    with Sandbox(*worlds) as running:
        yield running


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[Api]:
    """The small world as it was at the start."""
    sandbox.reset()
    key = sandbox.key("app", app_id=APP)
    with httpx.Client(base_url=sandbox.base_url, auth=(key.id, key.secret)) as client:
        yield Api(sandbox, client)


def write_world(path: Path, app_id: str) -> Path:
    """The small world as JSON Lines; the other app has ids of its own but the same content."""
    salt = "" if app_id == APP else app_id
    rows = [{"app_id": app_id, **row} for row in _rows(app_id, salt)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _brackets(name: str) -> str:
    outer, found, inner = name.partition("__")
    return f"{outer}[{inner.replace('__', '.')}]" if found else name


def _rows(app_id: str, salt: str) -> Iterator[Json]:
    yield {"table": "apps", "object": {"id": app_id, "displayName": "Small", "settings": {}, "subdomain": "small"}}
    yield from _channels(salt)
    yield from _people(salt)
    yield from _talks(salt)


def _channels(salt: str) -> Iterator[Json]:
    custom = oid(f"custom{salt}")
    webhook = {
        "id": oid(f"hook{salt}"),
        "version": "v2",
        "target": "https://example.com",
        "triggers": ["*"],
        "secret": "s",
    }
    for kind in ("web", "whatsapp"):
        yield {"table": "integrations", "object": {"id": oid(kind + salt), "type": kind, "status": "active"}}
    yield {
        "table": "integrations",
        "object": {"id": custom, "type": "custom", "status": "active", "webhooks": [webhook]},
    }
    yield {"table": "webhooks", "integration_id": custom, "object": webhook}
    board = oid(f"board{salt}")
    yield {"table": "switchboards", "object": {"id": board, "enabled": True}}
    member = {"id": oid(f"member{salt}"), "name": "bot", "integrationId": custom, "integrationType": "custom"}
    yield {
        "table": "switchboard_integrations",
        "switchboard_id": board,
        "object": member | {"deliverStandbyEvents": False},
    }


def _people(salt: str) -> Iterator[Json]:
    identities = [{"type": "email", "value": "ann+a@example.com"}]
    people: dict[str, Json] = {
        "ann": {"externalId": "crm/ann?1#%", "identities": identities},
        "bob": {"externalId": "shared", "profile": {"email": "bob@example.com"}},
        "branded": {
            "externalId": "shared",
            "brandId": "111",
            "identities": [{"type": "email", "value": "ann+a@example.com"}],
        },
        "liar": {"externalId": oid(f"busy{salt}")},
        "busy": {"zendeskId": "7", "metadata": {"vip": True}, "profile": {"givenName": "Busy", "locale": "en"}},
    }
    for name, person in people.items():
        yield {"table": "users", "object": {"id": oid(name + salt), "authenticated": False, **person}}
    owner = {"user_id": oid(f"ann{salt}")}
    clients = [{"id": oid(f"sdk{salt}"), "type": "sdk", "status": "active", "displayName": "Ann", "raw": {"a": 1}}]
    clients.append({"id": oid(f"phone{salt}"), "type": "whatsapp", "status": "active", "externalId": "+4912345"})
    for client in clients:
        yield {"table": "clients", **owner, "object": client}
    device = {"id": oid(f"device{salt}"), "type": "ios", "clientId": oid(f"sdk{salt}"), "status": "active"}
    yield {"table": "devices", **owner, "object": device}


def _talks(salt: str) -> Iterator[Json]:
    yield from _talk("ann-default", salt, ["ann"], count=250, isDefault=True)
    yield from _talk("ann-empty", salt, ["ann"], count=0, isDefault=False)
    yield from _talk("bob-default", salt, ["bob"], count=3, isDefault=True)
    yield from _talk("group", salt, ["ann", "bob"], count=100, type="sdkGroup")
    yield from _talk("orphan", salt, [], count=101, type="sdkGroup")
    for place in range(60):
        yield from _talk(f"busy-{place}", salt, ["busy"], count=1, isDefault=place == 0)


def _talk(name: str, salt: str, people: list[str], *, count: int, **fields: Any) -> Iterator[Json]:
    conversation_id = oid(name + salt)
    messages = [_message(name, salt, place, people) for place in range(count)]
    last = messages[-1]["received"] if messages else "2026-01-01T00:00:00.000Z"
    conversation = {
        "id": conversation_id,
        "type": "personal",
        "lastUpdatedAt": last,
        "createdAt": "2026-01-01T00:00:00.000Z",
    }
    yield {"table": "conversations", "object": conversation | fields}
    owner = {"conversation_id": conversation_id}
    for person in people:
        participant = {"id": oid(f"{name} {person}{salt}"), "userId": oid(person + salt), "unreadCount": 0}
        yield {"table": "participants", **owner, "object": participant}
    for message in messages:
        yield {"table": "messages", **owner, "object": message}


def _message(name: str, salt: str, place: int, people: list[str]) -> Json:
    """The seventh of each ten messages was received in the same millisecond as the sixth."""
    second = place - (place % 10 == 7)
    content: Json = {"type": "text", "text": f"{name} {place}"}
    if place == 3:
        content = {"type": "image", "mediaUrl": MEDIA}
    author = {"type": "user", "userId": oid(people[place % len(people)] + salt)} if people else {"type": "business"}
    return {
        "id": f"{place:06x}{oid(name + salt)[:18]}",
        "received": f"2026-01-02T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.000Z",
        "author": author,
        "content": content,
        "source": {"type": "web"},
    }
