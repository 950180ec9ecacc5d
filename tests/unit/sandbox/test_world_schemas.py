"""Worlds against the vendor's specification."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.sandbox.world import JsonObject, World
from pipeline.sandbox.worlds import open_world
from tests.spec_schemas import OLDEST, needs_specification, validator

pytestmark = needs_specification

MESSAGE: JsonObject = {"id": "a", "received": "b", "author": {"type": "user"}, "source": {"type": "web"}}


def contents(world: World) -> Iterator[tuple[str, JsonObject]]:
    """Everything in a world, with the name of its schema."""
    yield "appResponseWithSubdomain", {"app": world.app}
    for integration in world.integrations():
        yield "integration", integration
        yield from (("webhook", webhook) for webhook in world.webhooks(integration["id"]))
    for switchboard in world.switchboards():
        yield "switchboard", switchboard
        members = world.switchboard_integrations(switchboard["id"])
        yield from (("switchboardIntegration", member) for member in members)
    for user_id in world.user_ids():
        yield "user", world.user(user_id) or {}
        yield from (("client", client) for client in world.clients(user_id))
        yield from (("device", device) for device in world.devices(user_id))
    for conversation_id in world.conversation_ids():
        yield "conversation", world.conversation(conversation_id) or {}
        yield from (("participant", participant) for participant in world.participants(conversation_id))
        yield from (("message", message) for message in world.messages(conversation_id))


@pytest.mark.parametrize(
    ("spec", "unlisted"),
    [
        ("chitchat:40", False),
        ("synthetic:seed=1,size=2,uniform_pages=1", False),
        ("synthetic:seed=7,size=100,strangeness=0", False),
        ("synthetic:seed=7,size=250", True),
        ("synthetic:seed=8,size=100,strangeness=1", True),
    ],
)
def test_worlds_obey_the_specification(spec: str, unlisted: bool) -> None:
    """Every object of a world is valid; only strange ones have content types that the specification doesn't list."""
    validators: dict[str, Any] = {}
    faults = []
    for name, value in contents(open_world(spec)):
        if name not in validators:
            validators[name] = validator(name, unlisted=unlisted)
        faults += [(name, list(error.absolute_path), error.message) for error in validators[name].iter_errors(value)]
    assert len(validators) >= 6
    assert faults == []


@pytest.mark.parametrize(
    "fault",
    [
        {"received": None},
        {"author": {"type": "robot"}},
        {"author": {"type": "user", "avatarUrl": None}},
        {"content": {"type": "image"}},
        {"content": {"type": "reaction"}},
        {"content": {"type": "text", "actions": [{"type": "buy", "text": "no amount"}]}},
        {"activity": {"type": "ticket:reopened"}},
        {"references": []},
        {"quotedMessage": {"type": "message", "message": {"source": {}}}},
    ],
)
def test_the_validator_finds_faults(fault: JsonObject) -> None:
    """A message that contradicts the specification is rejected: the tests above can fail."""
    assert validator("message").is_valid(MESSAGE)
    assert not validator("message").is_valid(MESSAGE | fault)


def test_the_validator_knows_null_and_variants() -> None:
    """Nullable fields may be null, integrations are checked by type, and older versions have their own schemas."""
    assert validator("message").is_valid(MESSAGE | {"quotedMessage": None, "metadata": None, "references": None})
    assert validator("message", unlisted=True).is_valid(MESSAGE | {"content": {"type": "reaction"}})
    assert not validator("integration").is_valid({"type": "line", "channelSecret": 3})
    assert validator("integration").is_valid({"type": "tiktok", "channelSecret": 3})
    assert validator("messageListResponse", document=OLDEST).is_valid({"messages": [MESSAGE]})
