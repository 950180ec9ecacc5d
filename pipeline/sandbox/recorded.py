"""A world read from a file of JSON Lines, one object a line, in the form that `/_control/world` writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from pipeline.errors import ConfigError
from pipeline.sandbox.world import JsonObject


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One object of a world, with the id of what it belongs to where the object itself does not say."""

    table: str
    app_id: str
    object: JsonObject
    user_id: str | None = None
    conversation_id: str | None = None
    integration_id: str | None = None
    switchboard_id: str | None = None


class RecordedWorld:
    """One app out of recorded lines; objects come in the order of the lines.

    Args:
        lines: what `/_control/world` wrote for one app.

    Raises:
        ConfigError: there is not exactly one app in the lines, or a line names an unknown table.
    """

    def __init__(self, lines: Iterable[Line]) -> None:
        self._tables: dict[str, dict[str, JsonObject]] = defaultdict(dict)
        self._owned: dict[tuple[str, str], list[JsonObject]] = defaultdict(list)
        self._conversations_of: dict[str, list[str]] = defaultdict(list)
        for line in lines:
            self._take(line)
        if len(self._tables["apps"]) != 1:
            raise ConfigError(
                "a recorded world must hold exactly one line of the table apps: write one file for each app"
            )
        for messages in (rows for (table, _), rows in self._owned.items() if table == "messages"):
            messages.sort(key=lambda message: (message["received"], message["id"]))

    @classmethod
    def read(cls, path: Path) -> RecordedWorld:
        """Open a file of JSON Lines.

        Raises:
            ConfigError: the file can't be read, or a line is no recorded object.
        """
        decode = msgspec.json.Decoder(Line).decode
        try:
            return cls(decode(line) for line in path.read_bytes().splitlines() if line.strip())
        except (OSError, msgspec.DecodeError) as error:
            raise ConfigError(
                f"the recorded world can't be read ({error}): write it with GET /_control/world"
            ) from error

    @property
    def app(self) -> JsonObject:
        """The app with `subdomain`."""
        return next(iter(self._tables["apps"].values()))

    def integrations(self) -> Sequence[JsonObject]:
        """All integrations."""
        return list(self._tables["integrations"].values())

    def switchboards(self) -> Sequence[JsonObject]:
        """All switchboards."""
        return list(self._tables["switchboards"].values())

    def switchboard_integrations(self, switchboard_id: str) -> Sequence[JsonObject]:
        """The integrations of one switchboard."""
        return self._owned.get(("switchboard_integrations", switchboard_id), ())

    def webhooks(self, integration_id: str) -> Sequence[JsonObject]:
        """The webhooks of one integration."""
        return self._owned.get(("webhooks", integration_id), ())

    def user_ids(self) -> Iterator[str]:
        """Ids of all users."""
        return iter(self._tables["users"])

    def conversation_ids(self) -> Iterator[str]:
        """Ids of all conversations."""
        return iter(self._tables["conversations"])

    def seeds(self) -> Iterator[dict[str, str]]:
        """Every user, and every conversation without participants."""
        yield from ({"user_id": user_id} for user_id in self._tables["users"])
        for conversation_id in self._tables["conversations"]:
            if not self.participants(conversation_id):
                yield {"conversation_id": conversation_id}

    def user(self, user_id: str) -> JsonObject | None:
        """One user."""
        return self._tables["users"].get(user_id)

    def find_user(self, *, external_id: str, brand_id: str | None) -> str | None:
        """The id of the user with this external id within the brand."""
        for user_id, user in self._tables["users"].items():
            if user.get("externalId") == external_id and user.get("brandId") == brand_id:
                return user_id
        return None

    def find_users_by_email(self, email: str) -> Sequence[str]:
        """Ids of the users with an e-mail identity of this value."""
        wanted = ("email", email)
        users = self._tables["users"].values()
        return [
            user["id"] for user in users if any((i["type"], i["value"]) == wanted for i in user.get("identities", ()))
        ]

    def clients(self, user_id: str) -> Sequence[JsonObject]:
        """The clients of a user."""
        return self._owned.get(("clients", user_id), ())

    def devices(self, user_id: str) -> Sequence[JsonObject]:
        """The devices of a user."""
        return self._owned.get(("devices", user_id), ())

    def conversations_of(self, user_id: str) -> Sequence[str]:
        """Ids of the conversations that the user takes part in."""
        return self._conversations_of.get(user_id, ())

    def conversation(self, conversation_id: str) -> JsonObject | None:
        """One conversation."""
        return self._tables["conversations"].get(conversation_id)

    def participants(self, conversation_id: str) -> Sequence[JsonObject]:
        """The participants of a conversation."""
        return self._owned.get(("participants", conversation_id), ())

    def message_count(self, conversation_id: str) -> int:
        """How many messages a conversation has."""
        return len(self.messages(conversation_id))

    def messages(self, conversation_id: str) -> Sequence[JsonObject]:
        """All messages, oldest first."""
        return self._owned.get(("messages", conversation_id), ())

    def _take(self, line: Line) -> None:
        owners = {
            "switchboard_integrations": line.switchboard_id,
            "webhooks": line.integration_id,
            "clients": line.user_id,
            "devices": line.user_id,
            "participants": line.conversation_id,
            "messages": line.conversation_id,
        }
        if line.table in {"apps", "integrations", "switchboards", "users", "conversations"}:
            self._tables[line.table][line.object["id"]] = line.object
            return
        owner = owners.get(line.table)
        if owner is None:
            raise ConfigError(
                f"a line of the table {line.table!r} is unknown or lacks its owner: see GET /_control/world"
            )
        self._owned[line.table, owner].append(line.object)
        if line.table == "participants" and line.object.get("userId"):
            self._conversations_of[line.object["userId"]].append(owner)
