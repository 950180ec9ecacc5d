"""One app as it is now: a world and everything that happened to it since the server started."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from pipeline.sandbox.media import own_media
from pipeline.sandbox.overlay import Lists, Objects
from pipeline.sandbox.world import JsonObject, World

GroupFate = Literal["keep", "remove", "anonymous", "close"]

_PLACEHOLDER = ("id", "received", "author", "source")


class AppState:
    """Everything that one app's calls can read.

    The lists and objects are open to the routes for reading. Whoever changes participants, messages, users or
    conversations calls the methods, which keep both sides of a relation and the rendered messages right.
    """

    def __init__(self, world: World, *, messages_changed: Callable[[str], None] = lambda _: None) -> None:
        self.world = world
        self.app_id: str = world.app["id"]
        self.is_deleted = False
        self.users = Objects(world.user, world.user_ids)
        self.conversations = Objects(world.conversation, world.conversation_ids)
        self.clients: Lists[JsonObject] = Lists(world.clients, _id)
        self.devices: Lists[JsonObject] = Lists(world.devices, _id)
        self.participants: Lists[JsonObject] = Lists(world.participants, _id)
        self.messages: Lists[JsonObject] = Lists(world.messages, _id)
        self.conversations_of: Lists[str] = Lists(world.conversations_of, str)
        self.merged: dict[str, str] = {}
        self.removed_media: set[str] = set()
        self._messages_changed = messages_changed

    def find_external(self, external_id: str, *, brand_id: str | None) -> str | None:
        """The id of the user with this external id within the brand; None for the brand means users without one."""
        for user_id, user in self.users.changed():
            if user.get("externalId") == external_id and user.get("brandId") == brand_id:
                return user_id
        found = self.world.find_user(external_id=external_id, brand_id=brand_id)
        return None if found is None or self.users.is_changed(found) else found

    def find_by_email(self, email: str, *, brand_id: str | None) -> Iterator[JsonObject]:
        """Users with an e-mail identity of this value, within the brand."""
        known = [user_id for user_id in self.world.find_users_by_email(email) if not self.users.is_changed(user_id)]
        known.extend(user_id for user_id, user in self.users.changed() if _has_email(user, email))
        for user_id in known:
            user = self.users.get(user_id)
            if user is not None and user.get("brandId") == brand_id:
                yield user

    def conversations_with(self, user_id: str) -> list[JsonObject]:
        """The conversations that a user takes part in."""
        found = (self.conversations.get(conversation_id) for conversation_id in self.conversations_of.get(user_id))
        return [conversation for conversation in found if conversation is not None]

    def join(self, conversation_id: str, participant: JsonObject) -> None:
        """Add a participant, or replace the one with its id."""
        self.participants.edit(conversation_id).put(participant["id"], participant)
        if participant.get("userId"):
            self.conversations_of.edit(participant["userId"]).put(conversation_id, conversation_id)

    def leave(self, conversation_id: str, participant_id: str) -> None:
        """Remove a participant."""
        participant = self.participants.edit(conversation_id).remove(participant_id)
        if participant is not None and participant.get("userId"):
            self.conversations_of.edit(participant["userId"]).remove(conversation_id)

    def add_messages(self, conversation_id: str, messages: list[JsonObject], *, touch: bool = True) -> None:
        """Sort messages in by (received, id); with `touch` lastUpdatedAt moves to the newest of them, never back."""
        if not messages:
            return
        self.messages.edit(conversation_id).merge([(message["id"], message) for message in messages], key=moment)
        conversation = self.conversations.get(conversation_id)
        if touch and conversation is not None:
            newest = max(message["received"] for message in messages)
            last = conversation.get("lastUpdatedAt") or ""
            self.conversations.put(conversation_id, {**conversation, "lastUpdatedAt": max(last, newest)})
        self._messages_changed(conversation_id)

    def put_message(self, conversation_id: str, message: JsonObject) -> None:
        """Replace a message in its place."""
        self.messages.edit(conversation_id).put(message["id"], message)
        self._messages_changed(conversation_id)

    def remove_message(self, conversation_id: str, message_id: str, *, placeholder: bool = False) -> None:
        """Remove a message and the uploads it shows; a placeholder keeps who, when and through which channel."""
        roll = self.messages.edit(conversation_id)
        message = roll.remove(message_id)
        if message is None:
            return
        self.removed_media.update(own_media(message))
        if placeholder:
            roll.put(message_id, {name: message[name] for name in _PLACEHOLDER if name in message} | {"deleted": True})
        self._messages_changed(conversation_id)

    def clear_messages(self, conversation_id: str) -> None:
        """Remove all messages and their uploads; the conversation stays."""
        for message in self.messages.get(conversation_id):
            self.removed_media.update(own_media(message))
        self.messages.clear(conversation_id)
        self._messages_changed(conversation_id)

    def remove_conversation(self, conversation_id: str) -> None:
        """Remove a conversation with its messages, uploads and participants."""
        self.clear_messages(conversation_id)
        for participant in list(self.participants.get(conversation_id)):
            self.leave(conversation_id, participant["id"])
        self.conversations.remove(conversation_id)

    def remove_user(self, user_id: str, *, groups: GroupFate = "keep") -> None:
        """Remove a user with clients, devices and personal conversations; groups lose a participant.

        Args:
            user_id: the user.
            groups: what becomes of the groups that the user is in, and of the user's messages there.
        """
        for conversation in self.conversations_with(user_id):
            if conversation.get("type") == "sdkGroup" and groups != "close":
                for participant in list(self.participants.get(conversation["id"])):
                    if participant.get("userId") == user_id:
                        self.leave(conversation["id"], participant["id"])
                self._bereave(conversation["id"], user_id, groups=groups)
            else:
                self.remove_conversation(conversation["id"])
        self.clients.clear(user_id)
        self.devices.clear(user_id)
        self.users.remove(user_id)

    def _bereave(self, conversation_id: str, user_id: str, *, groups: GroupFate) -> None:
        for message in list(self.messages.get(conversation_id)):
            author = message.get("author") or {}
            if author.get("userId") != user_id:
                continue
            if groups == "remove":
                self.remove_message(conversation_id, message["id"])
            elif groups == "anonymous":
                nameless = {name: value for name, value in author.items() if name != "userId"}
                self.put_message(conversation_id, {**message, "author": nameless})


def moment(message: JsonObject) -> tuple[str, str]:
    """The place of a message in its conversation."""
    return message["received"], message["id"]


def _id(item: JsonObject) -> str:
    return str(item["id"])


def _has_email(user: JsonObject, email: str) -> bool:
    return any(
        identity.get("type") == "email" and identity.get("value") == email for identity in user.get("identities") or ()
    )
