"""What can happen to an app over time, as JSON: `{"op": "add_messages", "conversation_id": ..., "count": 3}`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from pipeline.sandbox.world import JsonObject

Count = Annotated[int, msgspec.Meta(ge=0)]


class Base(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="op"):
    """What all changes have.

    Attributes:
        app_id: the app it happens to; may be left empty where there is only one.
    """

    app_id: str = ""


class AddMessages(Base, frozen=True, tag="add_messages"):
    """New messages, sorted in by (received, id): those given, or `count` made-up ones behind the last one.

    Attributes:
        touch: move lastUpdatedAt forward to the newest of them.
    """

    conversation_id: str
    messages: list[JsonObject] = []
    count: Count = 0
    touch: bool = True


class AddConversation(Base, frozen=True, tag="add_conversation"):
    """A new conversation; its `id` may be left out."""

    conversation: JsonObject
    participants: list[JsonObject] = []
    messages: list[JsonObject] = []


class AddUser(Base, frozen=True, tag="add_user"):
    """A new user; the `id` may be left out."""

    user: JsonObject
    clients: list[JsonObject] = []
    devices: list[JsonObject] = []


class AddParticipants(Base, frozen=True, tag="add_participants"):
    """People join; an `id` may be left out."""

    conversation_id: str
    participants: list[JsonObject]


class RemoveParticipant(Base, frozen=True, tag="remove_participant"):
    """Someone leaves: by participant id or user id."""

    conversation_id: str
    participant_id: str = ""
    user_id: str = ""


class Edit(Base, frozen=True, tag="edit"):
    """Other values in an object, at its top level; lastUpdatedAt does not move.

    Attributes:
        owner_id: the conversation of a message or participant, the user of a client or device.
        set: members to set.
        unset: members to remove.
    """

    kind: Literal["user", "conversation", "message", "participant", "client", "device"]
    id: str
    owner_id: str = ""
    set: JsonObject = {}
    unset: list[str] = []


class PutClient(Base, frozen=True, tag="put_client"):
    """A client is added or replaced."""

    user_id: str
    client: JsonObject


class PutDevice(Base, frozen=True, tag="put_device"):
    """A device is added or replaced."""

    user_id: str
    device: JsonObject


class RemoveClient(Base, frozen=True, tag="remove_client"):
    """A client goes."""

    user_id: str
    client_id: str


class DeleteMessage(Base, frozen=True, tag="delete_message"):
    """A message goes, with or without a placeholder."""

    conversation_id: str
    message_id: str
    placeholder: bool = False


class DeleteMessages(Base, frozen=True, tag="delete_messages"):
    """All messages of a conversation go, as with retention."""

    conversation_id: str


class DeleteConversation(Base, frozen=True, tag="delete_conversation"):
    """A conversation goes, default or not."""

    conversation_id: str


class DeleteUser(Base, frozen=True, tag="delete_user"):
    """A user goes at once."""

    user_id: str


class DeleteApp(Base, frozen=True, tag="delete_app"):
    """The app goes, and its keys with it."""


class MergeUsers(Base, frozen=True, tag="merge_users"):
    """Two users become one."""

    discarded_id: str
    survivor_id: str


Change = (
    AddMessages
    | AddConversation
    | AddUser
    | AddParticipants
    | RemoveParticipant
    | Edit
    | PutClient
    | PutDevice
    | RemoveClient
    | DeleteMessage
    | DeleteMessages
    | DeleteConversation
    | DeleteUser
    | DeleteApp
    | MergeUsers
)


def read_changes(value: Any) -> list[Change]:
    """Changes out of JSON values.

    Raises:
        msgspec.ValidationError: one is unknown or wrong.
    """
    return msgspec.convert(value, list[Change])
