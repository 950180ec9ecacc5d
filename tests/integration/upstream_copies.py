"""Copies for which upstream is asked, and the small world behind them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import CallSettings
from pipeline.privacy.access.run import Access, run_access
from pipeline.privacy.desk import open_desk
from pipeline.suppression.keys import new_key_text
from tests.integration.access_bench import Copied, read_members
from tests.integration.export_bench import Bench
from tests.integration.small_worlds import BEGINNING, SmallWorld, message, moment, oid

COLUMNS = "request_ref,user_id,action,received_at,verified_by,reason_code"
KEYS = {name: new_key_text() for name in ("SUNLAKE_PRIVACY_KEY", "SUNLAKE_DEEDS_KEY")}
TABLES = ("users", "clients", "devices", "conversations", "participants", "messages", "events")
IMPATIENT = CallSettings(read_seconds=5.0, total_seconds=0.5)
MESSAGES = "GET /v2/apps/{appId}/conversations/{conversationId}/messages"


def small_circle() -> SmallWorld:
    """Ann alone, and Ann and Bob in a group."""
    world = SmallWorld("again").user("ann", clients=["phone"], externalId="ann-external").user("bob")
    return world.conversation("chat", ["ann"], messages=3).conversation("group", ["ann", "bob"], messages=2)


def new_talk(name: str, *users: str, said: str = "hello") -> dict[str, Any]:
    """A conversation that comes into being upstream."""
    head = {
        "id": oid(name),
        "type": "personal" if len(users) == 1 else "sdkGroup",
        "metadata": {},
        "isDefault": False,
        "createdAt": moment(BEGINNING),
    }
    return {
        "op": "add_conversation",
        "conversation": head,
        "participants": [{"id": oid(f"{name}/{user}"), "userId": oid(user)} for user in users],
        "messages": [message(f"{name}#0", BEGINNING, author=users[0], text=said)],
    }


def run_copy(
    bench: Bench, name: str, *, is_offline: bool = False, without_key: pytest.MonkeyPatch | None = None
) -> Access:
    """Ask for a copy by a batch, as the command line does."""
    settings = bench.settings()
    if without_key is not None:
        without_key.delenv(settings.apps[0].secret_env)
    with open_desk(settings) as desk:
        batch = str(access_request(bench, name))
        return asyncio.run(run_access(desk, batch, out=bench.folder / "copies", is_offline=is_offline))


def access_request(bench: Bench, name: str) -> Path:
    """A batch of one request for access."""
    file = bench.folder / "requests.csv"
    file.write_text(f"{COLUMNS}\nT-1,{oid(name)},access,2026-02-01T10:00:00Z,desk,access\n")
    return file


def opened(done: Access) -> Copied:
    """The one copy that was made."""
    (made,) = done.copies
    return Copied(made.export, read_members(made.export.path))


def manifest_of(copied: Copied) -> dict[str, Any]:
    """Its manifest."""
    found: dict[str, Any] = json.loads(copied.members["manifest.json"])
    return found


def show_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the keys that every desk needs."""
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)
