"""What the lake knows of people: all ids, addresses and names in every version of their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from pipeline.lake import exact_json
from pipeline.privacy.people.contacts import is_email, phone_digits
from pipeline.privacy.people.event_facts import event_facts
from pipeline.privacy.people.lake_view import LakeView
from pipeline.suppression.subjects import ExternalId, Name


@dataclass(slots=True, kw_only=True)
class Facts:
    """Facts of one person, as they are being collected. `in_lake` says that any row is theirs."""

    user_ids: set[str] = field(default_factory=set, repr=False)
    client_ids: set[str] = field(default_factory=set, repr=False)
    device_ids: set[str] = field(default_factory=set, repr=False)
    participant_ids: set[str] = field(default_factory=set, repr=False)
    external_ids: set[ExternalId] = field(default_factory=set, repr=False)
    emails: set[str] = field(default_factory=set, repr=False)
    phones: set[str] = field(default_factory=set, repr=False)
    client_external_ids: set[str] = field(default_factory=set, repr=False)
    guids: set[str] = field(default_factory=set, repr=False)
    names: set[Name] = field(default_factory=set, repr=False)
    conversation_ids: set[str] = field(default_factory=set, repr=False)
    told_message_ids: dict[str, str | None] = field(default_factory=dict, repr=False)
    to_be_retained: bool = False
    in_lake: bool = False

    def add_user(self, external_id: Any, brand_id: Any, profile: Mapping[str, Any], identities: Any = None) -> None:
        """Take over what a user object says, whatever the types of its members are."""
        if _is_text(external_id):
            self.external_ids.add((external_id, brand_id if _is_text(brand_id) else None))
        given, surname = profile.get("givenName"), profile.get("surname")
        if _is_text(given) and _is_text(surname):
            self.names.add((given, surname))
        self.add_contact(profile.get("email"))
        for identity in identities if isinstance(identities, list) else ():
            if isinstance(identity, dict):
                self.add_contact(identity.get("value"))

    def add_client(self, client_id: Any, external_id: Any) -> None:
        """Take over a client and the id that it has on its channel."""
        if _is_text(client_id):
            self.client_ids.add(client_id)
        if _is_text(external_id):
            self.client_external_ids.add(external_id)
            self.add_contact(external_id)

    def add_contact(self, value: Any) -> None:
        """Take over a value if it is an e-mail address or a phone number."""
        if not _is_text(value):
            return
        if is_email(value):
            self.emails.add(value)
        elif phone_digits(value):
            self.phones.add(value)


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


def _is_text(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value)
