"""Lets a change happen."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from pipeline.sandbox import changes
from pipeline.sandbox.merge import merge_users
from pipeline.sandbox.service import Service
from pipeline.sandbox.state import AppState
from pipeline.sandbox.world import JsonObject

_TIME = "%Y-%m-%dT%H:%M:%S.%f"
_numbers = count(1)


def apply_change(service: Service, change: changes.Change) -> list[str]:
    """Let a change happen; returns the ids of what it added.

    Raises:
        LookupError: it names an app or an object that is not there.
    """
    app = _app(service, change.app_id)
    if isinstance(change, changes.DeleteApp):
        service.delete_app(app)
        return []
    return _APPLY[type(change)](app, change)


def _add_messages(app: AppState, change: changes.AddMessages) -> list[str]:
    _conversation(app, change.conversation_id)
    messages = [_with_id(message) for message in change.messages]
    messages += _made_up(app, change.conversation_id, change.count)
    app.add_messages(change.conversation_id, messages, touch=change.touch)
    return [message["id"] for message in messages]


def _add_conversation(app: AppState, change: changes.AddConversation) -> list[str]:
    conversation = _with_id(change.conversation)
    app.conversations.put(conversation["id"], conversation)
    for participant in change.participants:
        app.join(conversation["id"], _with_id(participant))
    app.add_messages(conversation["id"], [_with_id(message) for message in change.messages])
    return [conversation["id"]]


def _add_user(app: AppState, change: changes.AddUser) -> list[str]:
    user = _with_id(change.user)
    app.users.put(user["id"], user)
    for lists, items in ((app.clients, change.clients), (app.devices, change.devices)):
        for item in items:
            identified = _with_id(item)
            lists.edit(user["id"]).put(identified["id"], identified)
    return [user["id"]]


def _add_participants(app: AppState, change: changes.AddParticipants) -> list[str]:
    _conversation(app, change.conversation_id)
    added = [_with_id(participant) for participant in change.participants]
    for participant in added:
        app.join(change.conversation_id, participant)
    return [participant["id"] for participant in added]


def _remove_participant(app: AppState, change: changes.RemoveParticipant) -> list[str]:
    for participant in list(app.participants.get(change.conversation_id)):
        if participant["id"] == change.participant_id or participant.get("userId") == change.user_id:
            app.leave(change.conversation_id, participant["id"])
            return []
    raise LookupError("there is no such participant")


def _edit(app: AppState, change: changes.Edit) -> list[str]:
    if change.kind == "user":
        app.users.put(change.id, _edited(app.users.get(change.id), change))
    elif change.kind == "conversation":
        app.conversations.put(change.id, _edited(app.conversations.get(change.id), change))
    elif change.kind == "message":
        app.put_message(change.owner_id, _edited(app.messages.get(change.owner_id).get(change.id), change))
    else:
        lists = {"participant": app.participants, "client": app.clients, "device": app.devices}[change.kind]
        lists.edit(change.owner_id).put(change.id, _edited(lists.get(change.owner_id).get(change.id), change))
    return []


def _put_client(app: AppState, change: changes.PutClient) -> list[str]:
    client = _with_id(change.client)
    app.clients.edit(change.user_id).put(client["id"], client)
    return [client["id"]]


def _put_device(app: AppState, change: changes.PutDevice) -> list[str]:
    device = _with_id(change.device)
    app.devices.edit(change.user_id).put(device["id"], device)
    return [device["id"]]


def _remove_client(app: AppState, change: changes.RemoveClient) -> list[str]:
    if app.clients.edit(change.user_id).remove(change.client_id) is None:
        raise LookupError("there is no such client")
    return []


def _delete_message(app: AppState, change: changes.DeleteMessage) -> list[str]:
    if app.messages.get(change.conversation_id).get(change.message_id) is None:
        raise LookupError("there is no such message")
    app.remove_message(change.conversation_id, change.message_id, placeholder=change.placeholder)
    return []


def _delete_messages(app: AppState, change: changes.DeleteMessages) -> list[str]:
    _conversation(app, change.conversation_id)
    app.clear_messages(change.conversation_id)
    return []


def _delete_conversation(app: AppState, change: changes.DeleteConversation) -> list[str]:
    _conversation(app, change.conversation_id)
    app.remove_conversation(change.conversation_id)
    return []


def _delete_user(app: AppState, change: changes.DeleteUser) -> list[str]:
    if app.users.get(change.user_id) is None:
        raise LookupError("there is no such user")
    app.remove_user(change.user_id)
    return []


def _merge_users(app: AppState, change: changes.MergeUsers) -> list[str]:
    merge_users(app, discarded_id=change.discarded_id, survivor_id=change.survivor_id)
    return []


_APPLY: dict[type[Any], Callable[[AppState, Any], list[str]]] = {
    changes.AddMessages: _add_messages,
    changes.AddConversation: _add_conversation,
    changes.AddUser: _add_user,
    changes.AddParticipants: _add_participants,
    changes.RemoveParticipant: _remove_participant,
    changes.Edit: _edit,
    changes.PutClient: _put_client,
    changes.PutDevice: _put_device,
    changes.RemoveClient: _remove_client,
    changes.DeleteMessage: _delete_message,
    changes.DeleteMessages: _delete_messages,
    changes.DeleteConversation: _delete_conversation,
    changes.DeleteUser: _delete_user,
    changes.MergeUsers: _merge_users,
}


def _app(service: Service, app_id: str) -> AppState:
    if not app_id and len(service.apps) == 1:
        return next(iter(service.apps.values()))
    if app_id not in service.apps:
        raise LookupError("there is no such app: name one in app_id")
    return service.apps[app_id]


def _conversation(app: AppState, conversation_id: str) -> JsonObject:
    conversation = app.conversations.get(conversation_id)
    if conversation is None:
        raise LookupError("there is no such conversation")
    return conversation


def _edited(value: JsonObject | None, change: changes.Edit) -> JsonObject:
    if value is None:
        raise LookupError(f"there is no such {change.kind}")
    return {name: member for name, member in (value | change.set).items() if name not in change.unset}


def _with_id(value: JsonObject) -> JsonObject:
    if value.get("id"):
        return value
    return {"id": hashlib.sha256(f"change {next(_numbers)}".encode()).hexdigest()[:24], **value}


def _made_up(app: AppState, conversation_id: str, number: int) -> list[JsonObject]:
    """Messages of a second each, by the first participant, behind the last one."""
    last = ""
    for message in app.messages.get(conversation_id):
        last = message["received"]
    conversation = _conversation(app, conversation_id)
    last = last or conversation.get("createdAt") or "2026-01-01T00:00:00.000Z"
    start = datetime.strptime(last.rstrip("Z"), _TIME).replace(tzinfo=UTC)
    user_id = next((person["userId"] for person in app.participants.get(conversation_id) if person.get("userId")), None)
    author: JsonObject = {"type": "business"} if user_id is None else {"type": "user", "userId": user_id}
    return [
        _with_id(
            {
                "received": f"{(start + timedelta(seconds=place)).strftime(_TIME)[:-3]}Z",
                "author": author,
                "content": {"type": "text", "text": f"New message {place}"},
                "source": {"type": "api:conversations"},
            }
        )
        for place in range(1, number + 1)
    ]
