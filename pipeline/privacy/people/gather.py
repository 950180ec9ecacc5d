"""Collects what the lake knows of people: every version of their rows, in a few queries for all of them."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.lake import exact_json
from pipeline.privacy.people.event_facts import event_facts
from pipeline.privacy.people.facts import Facts
from pipeline.privacy.people.lake_view import LakeView


def gather(view: LakeView, people: Sequence[frozenset[str]]) -> list[Facts]:
    """The facts of each person, in order. Leaves the table `person(subject, user_id)`."""
    facts = [Facts(user_ids=set(users)) for users in people]
    pairs = [(number, user_id) for number, users in enumerate(people) for user_id in sorted(users)]
    view.put("person", {"subject": [number for number, _ in pairs], "user_id": [user_id for _, user_id in pairs]})
    _users(view, facts)
    _clients(view, facts)
    for number, device_id, guid in view.rows(_owned("devices", "device_id, guid")):
        facts[number].in_lake = True
        facts[number].device_ids.add(device_id)
        if guid:
            facts[number].guids.add(guid)
    _participants(view, facts)
    _authored(view, facts)
    event_facts(view, facts)
    for (number,) in view.rows(
        "select distinct person.subject from person "
        "join tombstones on tombstones.entity = 'user' and tombstones.entity_id = person.user_id"
    ):
        facts[number].in_lake = True
    return facts


def _owned(table: str, columns: str, *, owner: str = "user_id") -> str:
    return f"select distinct person.subject, {columns} from {table} join person on person.user_id = {table}.{owner}"


def _users(view: LakeView, facts: list[Facts]) -> None:
    columns = "external_id, brand_id, given_name, surname, email, identities"
    for number, external_id, brand_id, given, surname, email, identities in view.rows(_owned("users", columns)):
        profile = {"givenName": given, "surname": surname, "email": email}
        facts[number].in_lake = True
        facts[number].add_user(external_id, brand_id, profile, exact_json.parse(identities) if identities else None)
    query = """
        select person.subject, bool_or(newest.retained)
        from person join (
            select user_id, arg_max(to_be_retained, (exported_at, run_id)) as retained from users group by user_id
        ) as newest using (user_id)
        group by person.subject
    """
    for number, retained in view.rows(query):
        facts[number].to_be_retained = bool(retained)


def _clients(view: LakeView, facts: list[Facts]) -> None:
    for number, client_id, external_id in view.rows(_owned("clients", "client_id, external_id")):
        facts[number].in_lake = True
        facts[number].add_client(client_id, external_id)


def _participants(view: LakeView, facts: list[Facts]) -> None:
    columns = "participant_id, conversation_id, user_external_id"
    for number, participant_id, conversation_id, external_id in view.rows(_owned("participants", columns)):
        fact = facts[number]
        fact.in_lake = True
        fact.participant_ids.add(participant_id)
        fact.conversation_ids.add(conversation_id)
        if external_id and external_id not in {known for known, _ in fact.external_ids}:
            fact.external_ids.add((external_id, None))


def _authored(view: LakeView, facts: list[Facts]) -> None:
    for number, conversation_id in view.rows(_owned("messages", "conversation_id", owner="author_user_id")):
        facts[number].in_lake = True
        facts[number].conversation_ids.add(conversation_id)
