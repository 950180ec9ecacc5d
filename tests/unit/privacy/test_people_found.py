"""Who is meant, and what is known of them: brands, phone numbers in any spelling, and what events tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.privacy.people.resolution import State
from pipeline.privacy.requests.request import Identifier
from pipeline.suppression.subjects import Subject
from pipeline.walk.step import Step
from tests.unit.privacy.erased_lakes import AnnasLake, rows
from tests.unit.privacy.plans import plan_of, request
from tests.unit.suppression.people import oid


@pytest.fixture
def annas(tmp_path: Path) -> AnnasLake:
    """Anna in one brand and Berta in another, with one external id and one address, and phones in several places."""
    annas = AnnasLake(tmp_path / "lake")
    users: list[dict[str, Any]] = [
        {"id": oid("anna"), "externalId": "crm-1", "brandId": "shop", "profile": {"email": "Both@example.org"}},
        {"id": oid("berta"), "externalId": "crm-1", "brandId": "office", "profile": {"email": "both@example.org"}},
        {"id": oid("carl"), "profile": {}, "identities": [{"type": "phoneNumber", "value": "+49 (30) 765-4321"}]},
    ]
    phone = {"id": oid("dora's phone"), "type": "whatsapp", "externalId": "+49301112223", "integrationId": oid("wa")}
    annas.commit(Step(rows=[rows("users", users), rows("clients", [phone], user_id=oid("dora"))]))
    return annas


@pytest.mark.parametrize(
    ("kind", "value", "fields", "expected"),
    [
        (Identifier.EXTERNAL_ID, "crm-1", {"brand_id": "shop"}, "anna"),
        (Identifier.EXTERNAL_ID, "crm-1", {"brand_id": "office"}, "berta"),
        (Identifier.EMAIL, "BOTH@example.org", {"brand_id": "office"}, "berta"),
        (Identifier.CLIENT_EXTERNAL_ID, "+49301112223", {"integration_id": oid("wa")}, "dora"),
        (Identifier.CLIENT_EXTERNAL_ID, "0049 30/1112223"[2:], {"integration_id": oid("wa")}, "dora"),
    ],
)
def test_one_person_is_meant(
    annas: AnnasLake, kind: Identifier, value: str, fields: dict[str, str], expected: str
) -> None:
    """A brand decides between people of one external id or address; blanks and signs in a number do not matter."""
    made = plan_of(annas, [request(kind, value, **fields)])
    (subject,) = made.subjects
    assert (made.plan.subjects[0].state, subject.user_ids) == (State.MATCHED, {oid(expected)})


@pytest.mark.parametrize("kind", [Identifier.EXTERNAL_ID, Identifier.EMAIL])
def test_without_a_brand_it_is_not_decided(annas: AnnasLake, kind: Identifier) -> None:
    """Two people may be meant, and neither is erased."""
    value = "crm-1" if kind is Identifier.EXTERNAL_ID else "both@example.org"
    (shown,) = plan_of(annas, [request(kind, value)]).plan.subjects
    assert (shown.state, shown.candidates, shown.is_acted_on) == (State.AMBIGUOUS, 2, False)


def test_another_brand_or_integration_means_nobody(annas: AnnasLake) -> None:
    """Neither is guessed."""
    asked = [
        request(Identifier.EXTERNAL_ID, "crm-1", number=1, brand_id="elsewhere"),
        request(Identifier.CLIENT_EXTERNAL_ID, "+49301112223", number=2, integration_id=oid("sms")),
    ]
    assert {shown.state for shown in plan_of(annas, asked).plan.subjects} == {State.NOT_FOUND}


def test_a_phone_number_is_known_from_identities_and_clients(annas: AnnasLake) -> None:
    """Each is a number of the person, and two people of one number are linked."""
    (carl,) = _subjects(annas, "carl")
    (dora,) = _subjects(annas, "dora")
    assert (carl.phones, dora.phones) == ({"+49 (30) 765-4321"}, {"+49301112223"})
    assert dora.client_external_ids == {"+49301112223"}
    same = {"id": oid("emil's phone"), "type": "whatsapp", "externalId": "4930 7654321"}
    annas.commit(Step(rows=[rows("clients", [same], user_id=oid("emil"))]))
    (shown,) = plan_of(annas, [request(Identifier.USER_ID, oid("carl"))]).plan.subjects
    assert shown.linked == 1


def test_events_tell_of_people_whom_no_list_showed(annas: AnnasLake) -> None:
    """Profile, client, device, conversation and message come from payloads; another's message is not theirs."""
    user = {"id": oid("fay"), "externalId": "crm-9", "profile": {"givenName": "Fay", "surname": "Ohm"}}
    source = {"type": "ios", "client": {"id": oid("fay's client"), "externalId": "fay@example.org"}}
    source["device"] = {"id": oid("fay's device"), "guid": "guid-of-fay"}
    hers = {"id": oid("said"), "author": {"type": "user", "userId": oid("fay")}, "source": source}
    his = {"id": oid("his"), "author": {"type": "user", "userId": oid("ben")}}
    events = [
        _event("1", "conversation:join", user=user, client={"id": oid("web"), "externalId": "web-9"}),
        _event("2", "conversation:message", message=hers),
        _event("3", "conversation:message", message=his, user=user),
        _event("4", "user:update", user=7, message=[]),
    ]
    annas.commit(Step(rows=[rows("events", events, webhook_id=oid("hook"))]))
    (fay,) = _subjects(annas, "fay")
    assert fay.external_ids == {("crm-9", None)}
    assert fay.names == {("Fay", "Ohm")}
    assert fay.emails == {"fay@example.org"}
    assert fay.client_ids == {oid("fay's client"), oid("web")}
    assert (fay.device_ids, fay.guids) == ({oid("fay's device")}, {"guid-of-fay"})
    assert fay.message_ids == {oid("said")}
    assert fay.group_conversation_ids == {oid("talk")}, "nobody knows who takes part, so it does not go whole"


def _event(name: str, kind: str, **payload: Any) -> dict[str, Any]:
    whole = {"conversation": {"id": oid("talk")}, **payload}
    return {"id": oid(f"event {name}"), "type": kind, "createdAt": "2026-03-01T10:00:00.000Z", "payload": whole}


def _subjects(annas: AnnasLake, *names: str) -> tuple[Subject, ...]:
    return plan_of(annas, [request(Identifier.USER_ID, oid(name), number=n) for n, name in enumerate(names)]).subjects
