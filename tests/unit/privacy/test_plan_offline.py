"""A plan that was made offline, when upstream is asked at last: it is carried out only if nothing else is meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.privacy.people.lookup import FoundUser
from pipeline.privacy.plan.contradicted import is_contradicted
from pipeline.privacy.requests.request import Identifier
from pipeline.suppression.subjects import Action
from tests.unit.privacy.erased_lakes import AnnasLake
from tests.unit.privacy.fakes import FakeUpstream
from tests.unit.privacy.plans import plan_of, request
from tests.unit.suppression.people import oid

EMAIL = "anna@example.org"


@pytest.fixture
def annas(tmp_path: Path) -> AnnasLake:
    """A lake in which there is Anna."""
    annas = AnnasLake(tmp_path / "lake")
    annas.commit(annas.people("anna"))
    return annas


@pytest.mark.parametrize(
    ("kind", "value", "users", "expected"),
    [
        (Identifier.USER_ID, oid("anna"), [{"user_id": oid("anna")}], False),
        (Identifier.USER_ID, oid("anna"), [], False),
        (Identifier.USER_ID, oid("stranger"), [{"user_id": oid("stranger")}], False),
        (Identifier.EMAIL, EMAIL, [], False),
        (Identifier.EMAIL, EMAIL, [{"user_id": oid("anna"), "emails": frozenset({EMAIL})}], True),
        (Identifier.EXTERNAL_ID, "crm-9", [{"user_id": oid("nine"), "external_id": "crm-9"}], True),
        (Identifier.USER_ID, oid("anna"), [{"user_id": oid("anna"), "to_be_retained": True}], True),
        (
            Identifier.EMAIL,
            EMAIL,
            [{"user_id": oid(name), "emails": frozenset({EMAIL})} for name in ("anna", "anne")],
            True,
        ),
    ],
)
def test_upstream_contradicts_whom_it_adds_or_keeps(
    annas: AnnasLake, kind: Identifier, value: str, users: list[dict[str, Any]], *, expected: bool
) -> None:
    """An id that was counted may be there or not; whoever is found by an address only then was not confirmed.

    Neither was one of two people who have the same address, and it takes a plan to say that they are ambiguous.
    """
    upstream = FakeUpstream()
    for user in users:
        upstream.add(FoundUser(**user))
    requests = [request(kind, value)]
    offline, online = plan_of(annas, requests), plan_of(annas, requests, upstream=upstream)
    assert is_contradicted(offline.subjects, online) is expected


def test_who_is_only_kept_out_needs_no_upstream(annas: AnnasLake) -> None:
    """Suppression destroys nothing."""
    upstream = FakeUpstream()
    upstream.add(FoundUser(user_id=oid("anna"), emails=frozenset({EMAIL})))
    requests = [request(Identifier.EMAIL, EMAIL, action=Action.SUPPRESS)]
    assert not is_contradicted(plan_of(annas, requests).subjects, plan_of(annas, requests, upstream=upstream))
