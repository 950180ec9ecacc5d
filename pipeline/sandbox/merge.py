"""Merges two users into one, as happens when a customer is recognised on a second channel."""

from __future__ import annotations

from pipeline.sandbox.state import AppState
from pipeline.sandbox.world import JsonObject


def merge_users(app: AppState, *, discarded_id: str, survivor_id: str) -> None:
    """Let one user become part of another.

    Clients, devices and conversations move. Two default conversations become one: messages keep id and received. The
    survivor's values win; lastUpdatedAt of the merged conversation does not move back.

    Raises:
        LookupError: one of them is not there, or they are the same.
    """
    discarded, survivor = app.users.get(discarded_id), app.users.get(survivor_id)
    if discarded is None or survivor is None or discarded_id == survivor_id:
        raise LookupError("merging needs two users who are there")
    for lists in (app.clients, app.devices):
        for item in list(lists.get(discarded_id)):
            lists.edit(survivor_id).put(item["id"], item)
            lists.edit(discarded_id).remove(item["id"])
    _merge_default_conversations(app, discarded_id=discarded_id, survivor_id=survivor_id)
    for conversation in app.conversations_with(discarded_id):
        _hand_over(app, conversation["id"], discarded_id=discarded_id, survivor=survivor)
    app.users.put(survivor_id, _joined(survivor, discarded))
    app.users.remove(discarded_id)
    app.merged[discarded_id] = survivor_id


def _merge_default_conversations(app: AppState, *, discarded_id: str, survivor_id: str) -> None:
    leaving, staying = _default(app, discarded_id), _default(app, survivor_id)
    if leaving is None or staying is None:
        return
    moved = list(app.messages.get(leaving["id"]))
    app.add_messages(staying["id"], moved)
    # The messages live on, so their uploads must: this is no removal of messages.
    for message in moved:
        app.messages.edit(leaving["id"]).remove(message["id"])
    app.remove_conversation(leaving["id"])


def _hand_over(app: AppState, conversation_id: str, *, discarded_id: str, survivor: JsonObject) -> None:
    participants = list(app.participants.get(conversation_id))
    is_member = any(participant.get("userId") == survivor["id"] for participant in participants)
    for participant in participants:
        if participant.get("userId") == discarded_id:
            app.leave(conversation_id, participant["id"])
            if not is_member:
                app.join(conversation_id, _renamed(participant, survivor))


def _renamed(participant: JsonObject, user: JsonObject) -> JsonObject:
    renamed = participant | {"userId": user["id"]}
    if "userExternalId" in participant:
        renamed["userExternalId"] = user.get("externalId")
    return renamed


def _default(app: AppState, user_id: str) -> JsonObject | None:
    return next(
        (conversation for conversation in app.conversations_with(user_id) if conversation.get("isDefault")), None
    )


def _joined(survivor: JsonObject, discarded: JsonObject) -> JsonObject:
    identities = list(survivor.get("identities") or ())
    identities += [identity for identity in discarded.get("identities") or () if identity not in identities]
    joined = discarded | survivor | {"identities": identities}
    joined["metadata"] = (discarded.get("metadata") or {}) | (survivor.get("metadata") or {})
    joined["profile"] = (discarded.get("profile") or {}) | (survivor.get("profile") or {})
    return joined
