"""The deleting routes of the API; they work, so that tests can prove who calls them and who does not."""

from __future__ import annotations

import msgspec

from pipeline.sandbox.answers import Answer, answered, bad_request, not_found
from pipeline.sandbox.media import MEDIA_BASE, globalize
from pipeline.sandbox.routes import read_conversation
from pipeline.sandbox.service import Call
from pipeline.sandbox.users import find_user, read_user
from pipeline.sandbox.world import JsonObject

PERSONAL_PROFILE = frozenset({"givenName", "surname", "email", "avatarUrl"})
PERSONAL_CLIENT = ("displayName", "avatarUrl", "info", "raw")


def delete_app(call: Call) -> Answer:
    """DeleteApp: everything is gone."""
    call.service.delete_app(call.app)
    return answered({})


def delete_user(call: Call) -> Answer:
    """DeleteUser: answers at once, happens later."""
    call.service.delete_user(call.app, read_user(call)["id"])
    return answered({})


def delete_personal_information(call: Call) -> Answer:
    """DeleteUserPersonalInformation: clears names and custom properties; external id, history and devices stay."""
    user = read_user(call)
    cleared = {name: value for name, value in user.items() if name != "zendeskId"}
    profile = {name: value for name, value in (user.get("profile") or {}).items() if name not in PERSONAL_PROFILE}
    cleared |= {"profile": profile, "metadata": {}, "identities": []}
    call.app.users.put(user["id"], cleared)
    clients = call.app.clients.edit(user["id"])
    for client in list(clients):
        clients.put(client["id"], client | {name: None for name in PERSONAL_CLIENT if name in client})
    return answered({"user": cleared})


def remove_client(call: Call) -> Answer:
    """RemoveClient: not for clients of type `sdk`."""
    clients = call.app.clients.get(read_user(call)["id"])
    client = clients.get(call.parameters["clientId"])
    if client is None:
        raise not_found("client")
    if client.get("type") == "sdk":
        raise bad_request("Cannot remove a client of type 'sdk'")
    call.app.clients.edit(read_user(call)["id"]).remove(client["id"])
    return answered({})


def delete_conversation(call: Call) -> Answer:
    """DeleteConversation: not for default conversations."""
    conversation = read_conversation(call)
    if conversation.get("isDefault"):
        raise bad_request(f"Conversation {conversation['id']} cannot be deleted because it is the default.")
    call.app.remove_conversation(conversation["id"])
    return answered({})


def delete_messages(call: Call) -> Answer:
    """DeleteAllMessages: the conversation and its participants stay."""
    call.app.clear_messages(read_conversation(call)["id"])
    return answered({})


def delete_message(call: Call) -> Answer:
    """DeleteMessage: leaves nothing or a placeholder, as `Behaviour.deleted_message` says."""
    conversation_id = read_conversation(call)["id"]
    message = call.app.messages.get(conversation_id).get(call.parameters["messageId"])
    if message is None:
        raise not_found()
    placeholder = call.service.behaviour.deleted_message == "placeholder"
    call.app.remove_message(conversation_id, message["id"], placeholder=placeholder)
    return answered({})


def leave_conversation(call: Call) -> Answer:
    """LeaveConversation: by userId, userExternalId or participantId."""
    conversation_id = read_conversation(call)["id"]
    body = _body(call)
    names = body.keys() & {"userId", "userExternalId", "participantId"}
    if len(names) != 1 or not isinstance(body[name := names.pop()], str):
        raise bad_request("One of userId, userExternalId or participantId is required")
    user_id = None
    if name != "participantId":
        by_id = name == "userId"
        user_id = find_user(call, user_id=body[name] if by_id else None, external_id=None if by_id else body[name])[
            "id"
        ]
    for participant in call.app.participants.get(conversation_id):
        if participant["id"] == body[name] or (user_id is not None and participant.get("userId") == user_id):
            call.app.leave(conversation_id, participant["id"])
            return answered({})
    raise not_found()


def remove_attachment(call: Call) -> Answer:
    """DeleteAttachment: of the server's own uploads."""
    url = _body(call).get("mediaUrl")
    if not isinstance(url, str):
        raise bad_request("mediaUrl is required")
    own = globalize(url, base_url=call.service.base_url)
    if own is None:
        raise bad_request(f"Unsupported media URL for attachment deletion: {url}")
    if own in call.app.removed_media or not own.startswith(f"{MEDIA_BASE}{call.app.app_id}/"):
        raise not_found()
    call.app.removed_media.add(own)
    return answered({})


def _body(call: Call) -> JsonObject:
    try:
        return msgspec.json.decode(call.body, type=dict)
    except msgspec.DecodeError:
        raise bad_request("The request body must be a JSON object") from None
