"""A world of 7,168 real conversations: the MIT-licensed package `chitchat-dataset` (Brigham Young University, 2018).

Who speaks first in a conversation is its user, the other person answers as an agent; a person may be a user here and an
agent there. Texts, order and times are the data set's own, whose clock ticks in seconds; the rest follows from its ids.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from importlib.util import find_spec
from typing import Any, Final

from pipeline.errors import ConfigError
from pipeline.sandbox import chitchat_people as people
from pipeline.sandbox.chitchat_people import AGENT_WORKSPACE, Person
from pipeline.sandbox.ids import hashed_id, message_id
from pipeline.sandbox.world import JsonObject

_PACKAGE: Final = "chitchat_dataset"


@dataclass(frozen=True, slots=True)
class _Talk:
    """One conversation, as lean as it can be kept: 258,145 utterances stay in memory."""

    id: str
    user: str
    agent: str
    about: JsonObject
    times: tuple[str, ...]
    texts: tuple[str, ...]
    by_user: bytes


class ChitchatWorld:
    """The data set as one app.

    Args:
        limit: take only the first so many conversations of the data set.

    Raises:
        ConfigError: the package is not installed, or the limit is not positive.
    """

    def __init__(self, limit: int | None = None) -> None:
        if limit is not None and limit < 1:
            raise ConfigError("chitchat: the number of conversations must be at least 1")
        self._app_id = hashed_id("chitchat", "app", str(limit))
        self._talks: dict[str, _Talk] = {}
        self._people: dict[str, Person] = {}
        self._external: dict[str, str] = {}
        for name, record in list(_read_data_set().items())[:limit]:
            talk = _talk(name, record)
            self._talks[talk.id] = talk
        self._gather_people()

    @property
    def app(self) -> JsonObject:
        """The app with `subdomain`."""
        return {
            "id": self._app_id,
            "displayName": "Chit-Chat Challenge",
            "settings": {"conversationRetentionSeconds": 0, "maskCreditCardNumbers": True, "multiConvoEnabled": True},
            "metadata": {},
            "subdomain": "chitchat",
        }

    def integrations(self) -> Sequence[JsonObject]:
        """One integration a channel, and the agent workspace."""
        return people.integrations()

    def switchboards(self) -> Sequence[JsonObject]:
        """One switchboard, whose only member is the agent workspace."""
        return [people.SWITCHBOARD]

    def switchboard_integrations(self, switchboard_id: str) -> Sequence[JsonObject]:
        """The agent workspace."""
        return [people.SWITCHBOARD_INTEGRATION] if switchboard_id == people.SWITCHBOARD["id"] else []

    def webhooks(self, integration_id: str) -> Sequence[JsonObject]:  # noqa: ARG002 - the protocol's signature
        """None: no integration of this app is a custom one."""
        return []

    def user_ids(self) -> Iterator[str]:
        """Ids of all users, in order of first appearance."""
        return iter(self._people)

    def conversation_ids(self) -> Iterator[str]:
        """Ids of all conversations, in the data set's order."""
        return iter(self._talks)

    def seeds(self) -> Iterator[dict[str, str]]:
        """One row a user: every conversation has one."""
        return ({"user_id": user} for user in self._people)

    def user(self, user_id: str) -> JsonObject | None:
        """One user."""
        person = self._people.get(user_id)
        return people.user(person) if person else None

    def find_user(self, *, external_id: str, brand_id: str | None) -> str | None:
        """The user with this external id; there are no brands here."""
        return self._external.get(external_id) if brand_id is None else None

    def find_users_by_email(self, email: str) -> Sequence[str]:  # noqa: ARG002 - the protocol's signature
        """None: the data set holds no addresses."""
        return []

    def clients(self, user_id: str) -> Sequence[JsonObject]:
        """One client, two for some."""
        person = self._people.get(user_id)
        return people.clients(person) if person else []

    def devices(self, user_id: str) -> Sequence[JsonObject]:
        """The device of a web, iOS or Android user."""
        person = self._people.get(user_id)
        return people.devices(person) if person else []

    def conversations_of(self, user_id: str) -> Sequence[str]:
        """Ids of a user's conversations, in the data set's order."""
        person = self._people.get(user_id)
        return person.conversations if person else []

    def conversation(self, conversation_id: str) -> JsonObject | None:
        """One conversation, with the data set's prompt and ratings as its metadata."""
        talk = self._talks.get(conversation_id)
        if talk is None:
            return None
        answered = talk.by_user.rfind(0)
        return {
            "id": talk.id,
            "type": "personal",
            "metadata": talk.about,
            "activeSwitchboardIntegration": AGENT_WORKSPACE,
            "pendingSwitchboardIntegration": None,
            "isDefault": self._people[talk.user].default_conversation == talk.id,
            "displayName": None,
            "description": None,
            "iconUrl": None,
            "businessLastRead": _moment(talk.times[answered]) if answered >= 0 else None,
            "lastUpdatedAt": _moment(talk.times[-1]),
            "createdAt": _moment(talk.times[0]),
        }

    def participants(self, conversation_id: str) -> Sequence[JsonObject]:
        """The user: agents take part without being participants."""
        talk = self._talks.get(conversation_id)
        if talk is None:
            return []
        person = self._people[talk.user]
        spoke = talk.by_user.rfind(1)
        return [
            {
                "id": hashed_id("chitchat", "participant", talk.id),
                "userId": talk.user,
                "unreadCount": len(talk.times) - 1 - spoke,
                "clientAssociations": people.client_associations(person, first=people.channel_of(person, talk.id)),
                "userExternalId": person.external_id,
                "lastRead": _moment(talk.times[spoke]),
            }
        ]

    def message_count(self, conversation_id: str) -> int:
        """How many utterances the conversation has."""
        talk = self._talks.get(conversation_id)
        return len(talk.times) if talk else 0

    def messages(self, conversation_id: str) -> Sequence[JsonObject]:
        """All utterances; the data set's order is that of (`received`, `id`)."""
        talk = self._talks.get(conversation_id)
        return list(_messages(talk, self._people[talk.user])) if talk else []

    def _gather_people(self) -> None:
        spans: dict[str, list[_Talk]] = {}
        for talk in self._talks.values():
            spans.setdefault(talk.user, []).append(talk)
        for user, talks in spans.items():
            person = Person(
                id=user,
                first_seen=_moment(min(talk.times[0] for talk in talks)),
                last_seen=_moment(max(talk.times[talk.by_user.rfind(1)] for talk in talks)),
                conversations=tuple(talk.id for talk in talks),
                default_conversation=min(talks, key=lambda talk: talk.times[0]).id,
            )
            self._people[user] = person
            if person.external_id is not None:
                self._external[person.external_id] = user


def _read_data_set() -> dict[str, Any]:
    if find_spec(_PACKAGE) is None:
        raise ConfigError("the real conversations come with the package chitchat-dataset: pip install 'sunlake[demo]'")
    data: dict[str, Any] = json.loads((files(_PACKAGE) / "dataset.json").read_bytes())
    return data


def _talk(name: str, record: JsonObject) -> _Talk:
    spoken = [utterance for turn in record["messages"] for utterance in turn]
    user = spoken[0]["sender"]
    agent = next((utterance["sender"] for utterance in spoken if utterance["sender"] != user), user)
    return _Talk(
        id=hashed_id("chitchat", "conversation", name),
        user=hashed_id("chitchat", "user", user),
        agent=hashed_id("chitchat", "agent", agent),
        about={"prompt": record["prompt"], **record.get("ratings", {})} if "prompt" in record else {},
        times=tuple(utterance["timestamp"] for utterance in spoken),
        texts=tuple(utterance["text"] for utterance in spoken),
        by_user=bytes(utterance["sender"] == user for utterance in spoken),
    )


def _messages(talk: _Talk, person: Person) -> Iterator[JsonObject]:
    channel = people.channel_of(person, talk.id)
    user = {"type": "user", "userId": talk.user, "displayName": person.display_name}
    agent = {"type": "business", "subtypes": ["agent"], "displayName": f"Agent {talk.agent[:6]}"}
    token = hashed_id("chitchat", "token", talk.id)[:10]
    for position, (time, text, by_user) in enumerate(zip(talk.times, talk.texts, talk.by_user, strict=True)):
        identity = message_id(int(datetime.fromisoformat(time).timestamp()), token, position)
        yield {
            "id": identity,
            "received": _moment(time),
            "author": user if by_user else agent,
            "content": {"type": "text", "text": text},
            "source": people.source(channel, identity, _moment(time)) if by_user else {"type": "zd:agentWorkspace"},
        }


def _moment(time: str) -> str:
    """The data set's `2018-05-02T19:38:15Z` as the API writes it."""
    return f"{time[:-1]}.000Z"
