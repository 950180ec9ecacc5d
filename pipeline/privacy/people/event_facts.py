"""What webhook events tell of people: they carry whole users and clients, and messages that no export fetched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from pipeline.lake import exact_json
from pipeline.privacy.people.lake_view import LakeView

if TYPE_CHECKING:
    from pipeline.privacy.people.facts import Facts

USER_PATHS: Final = (
    *("$.user", "$.mergedUsers.surviving", "$.mergedUsers.discarded"),
    *("$.message.author.user", "$.activity.author.user"),
)
AUTHOR_PATHS: Final = ("$.message.author.userId", "$.message.author.user.id")


def event_facts(view: LakeView, facts: Sequence[Facts]) -> None:
    """Add what the events about each person say. Needs the table `person`."""
    paths = [f"{path}.id" for path in USER_PATHS] + list(AUTHOR_PATHS) + ["$.activity.author.userId"]
    users = ", ".join(f"payload ->> '{path}'" for path in paths)
    query = f"""
        with told as (
            select conversation_id, type, payload, unnest(list_distinct([{users}])) as user_id from events
        )
        select person.subject, person.user_id, told.conversation_id, told.type, told.payload
        from told join person on person.user_id = told.user_id
    """
    for number, user_id, conversation_id, kind, payload in view.rows(query):
        fact = facts[number]
        fact.in_lake = True
        if conversation_id:
            fact.conversation_ids.add(conversation_id)
        value = exact_json.parse(payload) if payload else None
        if isinstance(value, dict):
            _take(fact, value, user_id)
            if kind == "conversation:message" and user_id in set(_authors(value)):
                message_id = _at(value, "$.message.id")
                if isinstance(message_id, str):
                    fact.told_message_ids[message_id] = conversation_id


def _take(fact: Facts, payload: dict[str, Any], user_id: str) -> None:
    for path in USER_PATHS:
        user = _at(payload, path)
        if isinstance(user, dict) and user.get("id") == user_id:
            profile = user.get("profile")
            fact.add_user(
                user.get("externalId"),
                user.get("brandId"),
                profile if isinstance(profile, dict) else {},
                user.get("identities"),
            )
    if _at(payload, "$.user.id") == user_id:
        _take_client(fact, payload.get("client"))
    if user_id in set(_authors(payload)):
        _take_client(fact, _at(payload, "$.message.source.client"))
        device = _at(payload, "$.message.source.device")
        if isinstance(device, dict):
            fact.device_ids.update(_texts(device.get("id")))
            fact.guids.update(_texts(device.get("guid")))


def _take_client(fact: Facts, client: Any) -> None:
    if isinstance(client, dict):
        fact.add_client(client.get("id"), client.get("externalId"))


def _authors(payload: dict[str, Any]) -> Iterator[str]:
    for path in AUTHOR_PATHS:
        yield from _texts(_at(payload, path))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value:
        yield value


def _at(value: Any, path: str) -> Any:
    for name in path.removeprefix("$.").split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
