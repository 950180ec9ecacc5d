"""What an online plan learns upstream: who is meant, who lives, who was merged, and with whom they talk."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pipeline.errors import UnavailableError
from pipeline.privacy.people.lookup import FoundConversation, FoundUser
from pipeline.privacy.people.merges import People
from pipeline.privacy.people.resolution import State
from pipeline.privacy.people.upstream_side import Upstream
from pipeline.privacy.requests.request import Identifier
from tests.unit.privacy.erased_lakes import AnnasLake
from tests.unit.privacy.fakes import FakeUpstream
from tests.unit.privacy.plans import plan_of, request
from tests.unit.suppression.people import oid

ANNA = FoundUser(user_id="anna", external_id="crm-1", brand_id="shop", emails=frozenset({"anna@example.org"}))
BEN = FoundUser(user_id="ben", external_id="crm-2", emails=frozenset({"anna@example.org"}))


@pytest.fixture
def above() -> FakeUpstream:
    """Anna, who was merged from another user, and Ben, who has her address."""
    above = FakeUpstream()
    above.add(ANNA, old_id="annas-old")
    above.add(BEN)
    return above


def test_each_kind_of_identifier_is_asked_for_in_its_own_way(above: FakeUpstream) -> None:
    """A merged id means both users; an external id is checked, since the API may take it for an id."""
    requests = [
        request(Identifier.USER_ID, "annas-old"),
        request(Identifier.EXTERNAL_ID, "crm-1", brand_id="shop"),
        request(Identifier.EXTERNAL_ID, "ben"),
        request(Identifier.EMAIL, "anna@example.org"),
        request(Identifier.CLIENT_EXTERNAL_ID, "+49301234567", integration_id="i"),
        request(Identifier.USER_ID, "nobody"),
    ]
    named, otherwise = asyncio.run(Upstream(above).named_by(requests))
    assert named == {0: {"anna", "annas-old"}, 1: {"anna"}, 3: {"anna", "ben"}}
    assert otherwise == {2: {"ben"}}


def test_a_brand_keeps_users_of_other_brands_away(above: FakeUpstream) -> None:
    """The same external id in another brand is another person."""
    requests = [request(Identifier.EXTERNAL_ID, "crm-1", brand_id="office")]
    assert asyncio.run(Upstream(above).named_by(requests)) == ({}, {})


def test_users_are_asked_for_once_and_joined_with_who_answers(above: FakeUpstream) -> None:
    """One who answers for another is the same person, and new only if nobody knew it."""
    upstream, people = Upstream(above), People()
    assert asyncio.run(upstream.check(["annas-old", "ben", "gone"], people)) == {"anna"}
    assert people.of("annas-old") == people.of("anna") != people.of("ben")
    assert [upstream.lives(name) for name in ("anna", "annas-old", "ben", "gone")] == [True, False, True, False]
    asked = len(above.asked)
    assert asyncio.run(upstream.check(["annas-old", "anna", "ben", "gone"], people)) == set()
    assert len(above.asked) == asked


def test_talks_are_listed_for_the_living_with_their_members(above: FakeUpstream) -> None:
    """A conversation that several users have is asked for its members once."""
    above.talks = {
        "anna": [FoundConversation(conversation_id="alone", type="personal", is_default=True)],
        "ben": [FoundConversation(conversation_id="group", type="sdkGroup")],
        "gone": [FoundConversation(conversation_id="never")],
    }
    above.talks["anna"].append(above.talks["ben"][0])
    above.members = {"alone": ["anna"], "group": ["anna", "ben"]}
    upstream = Upstream(above)
    asyncio.run(upstream.check(["anna", "ben", "gone"], People()))
    asyncio.run(upstream.list_talks(["anna", "ben", "gone"]))
    assert upstream.of_user == {"anna": {"alone", "group"}, "ben": {"group"}}
    assert {key: known.user_ids for key, known in upstream.conversations.items()} == {
        "alone": {"anna"},
        "group": {"anna", "ben"},
    }
    assert upstream.conversations["alone"].is_default
    assert above.asked.count("participants") == 2


def test_an_upstream_that_does_not_answer_is_no_answer() -> None:
    """Nobody is taken for gone because a call failed."""

    class Broken(FakeUpstream):
        async def user(self, user_id: str) -> FoundUser | None:
            raise UnavailableError("the server does not answer", route="users/{userId}")

    with pytest.raises(UnavailableError):
        asyncio.run(Upstream(Broken()).check(["anna"], People()))


def test_an_online_plan_tells_where_each_person_is(tmp_path: Path) -> None:
    """In both places, in the lake alone, above alone; a talk that only upstream knows is sorted by its members."""
    annas, above = AnnasLake(tmp_path / "lake"), FakeUpstream()
    annas.commit(annas.people("anna", "ben"))
    for name in ("anna", "cleo"):
        above.add(FoundUser(user_id=oid(name), emails=frozenset({f"{name}@example.org"})))
    above.talks[oid("cleo")] = [
        FoundConversation(conversation_id=oid(name), type="personal") for name in ("one", "two")
    ]
    above.members = {oid("one"): [oid("cleo")], oid("two"): [oid("cleo"), oid("dan")]}
    requests = [request(Identifier.USER_ID, oid(name), number=n) for n, name in enumerate(("anna", "ben", "cleo"))]
    made = plan_of(annas, requests, upstream=above)
    assert [shown.state for shown in made.plan.subjects] == [State.MATCHED, State.LAKE_ONLY, State.UPSTREAM_ONLY]
    cleo = made.subjects[2]
    assert (cleo.personal_conversation_ids, cleo.group_conversation_ids) == ({oid("one")}, {oid("two")})
    assert cleo.emails == {"cleo@example.org"}
    assert made.plan.confirmation == "ERASE-3"
    assert made.plan.online
