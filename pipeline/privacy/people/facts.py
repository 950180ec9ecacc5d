"""What the lake knows of people: all ids, addresses and names in every version of their rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from pipeline.privacy.people.contacts import is_email, phone_digits
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


def _is_text(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value)
