"""Everything that an app holds now, object by object, for comparison with what an export brought home."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from pipeline.sandbox.recorded import Line
from pipeline.sandbox.state import AppState

Reader = Callable[[AppState], Iterator[Line]]


def read_truth(app: AppState, *, tables: Collection[str]) -> Iterator[Line]:
    """The objects of the named tables, lazily."""
    for table, read in TABLES.items():
        if table in tables:
            yield from read(app)


def read_seeds(app: AppState) -> Iterator[dict[str, str]]:
    """The world's own seeds, then every user who was added since."""
    for seed in app.world.seeds():
        yield {"app_id": app.app_id, **seed}
    for user_id in app.users.added():
        yield {"app_id": app.app_id, "user_id": user_id}


def _apps(app: AppState) -> Iterator[Line]:
    yield Line("apps", app.app_id, app.world.app)


def _integrations(app: AppState) -> Iterator[Line]:
    for integration in app.world.integrations():
        yield Line("integrations", app.app_id, integration)


def _switchboards(app: AppState) -> Iterator[Line]:
    for switchboard in app.world.switchboards():
        yield Line("switchboards", app.app_id, switchboard)


def _switchboard_integrations(app: AppState) -> Iterator[Line]:
    for switchboard in app.world.switchboards():
        for item in app.world.switchboard_integrations(switchboard["id"]):
            yield Line("switchboard_integrations", app.app_id, item, switchboard_id=switchboard["id"])


def _webhooks(app: AppState) -> Iterator[Line]:
    for integration in app.world.integrations():
        if integration["type"] == "custom":
            for webhook in app.world.webhooks(integration["id"]):
                yield Line("webhooks", app.app_id, webhook, integration_id=integration["id"])


def _users(app: AppState) -> Iterator[Line]:
    for user_id in app.users.ids():
        user = app.users.get(user_id)
        if user is not None:
            yield Line("users", app.app_id, user)


def _clients(app: AppState) -> Iterator[Line]:
    for user_id in app.users.ids():
        for client in app.clients.get(user_id):
            yield Line("clients", app.app_id, client, user_id=user_id)


def _devices(app: AppState) -> Iterator[Line]:
    for user_id in app.users.ids():
        for device in app.devices.get(user_id):
            yield Line("devices", app.app_id, device, user_id=user_id)


def _conversations(app: AppState) -> Iterator[Line]:
    for conversation_id in app.conversations.ids():
        conversation = app.conversations.get(conversation_id)
        if conversation is not None:
            yield Line("conversations", app.app_id, conversation)


def _participants(app: AppState) -> Iterator[Line]:
    for conversation_id in app.conversations.ids():
        for participant in app.participants.get(conversation_id):
            yield Line("participants", app.app_id, participant, conversation_id=conversation_id)


def _messages(app: AppState) -> Iterator[Line]:
    for conversation_id in app.conversations.ids():
        for message in app.messages.get(conversation_id):
            yield Line("messages", app.app_id, message, conversation_id=conversation_id)


TABLES: dict[str, Reader] = {
    "apps": _apps,
    "integrations": _integrations,
    "switchboards": _switchboards,
    "switchboard_integrations": _switchboard_integrations,
    "webhooks": _webhooks,
    "users": _users,
    "clients": _clients,
    "devices": _devices,
    "conversations": _conversations,
    "participants": _participants,
    "messages": _messages,
}
