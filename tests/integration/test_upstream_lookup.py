from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.api.client import ApiClient
from pipeline.errors import BadRequestError, NotFoundError
from pipeline.privacy.people.lookup import UpstreamLookup
from pipeline.privacy.upstream.api_lookup import ApiLookup, Found
from tests.forked import Sandbox
from tests.integration.erasure_bench import erasure_world, ids, with_client
from tests.integration.small_worlds import oid


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The world of Ann."""
    world = erasure_world()
    world.user("branded", externalId="crm-branded", brandId="7", toBeRetained=True)
    with Sandbox(world.write(tmp_path_factory.mktemp("world"))) as running:
        yield running


@pytest.fixture
def sandbox(server: Sandbox) -> Sandbox:
    """The world of Ann as it was at the start."""
    server.reset()
    return server


def resolve(sandbox: Sandbox, kind: Any, value: str, *, brand_id: str | None = None) -> Found:
    """Whom an identifier means."""

    async def run(client: ApiClient) -> Found:
        return await ApiLookup(client, sandbox.app_id).resolve(kind, value, brand_id=brand_id)

    return with_client(sandbox, run)


def found_ids(found: Found) -> set[str]:
    """The ids of those found."""
    return {user.user_id for user in found.users}


@pytest.mark.parametrize(
    ("kind", "value", "brand_id", "who"),
    [
        ("user_id", oid("ann"), None, {"ann"}),
        ("user_id", oid("nobody"), None, set()),
        ("user_id", "crm-ann", None, set()),
        ("external_id", oid("ann"), None, set()),
        ("external_id", "crm-ann", None, {"ann"}),
        ("external_id", "crm-nobody", None, set()),
        ("external_id", "crm-branded", "7", {"branded"}),
        ("external_id", "crm-branded", None, set()),
        ("external_id", "crm-branded", "8", set()),
        ("external_id", "a/../b?c#d%2e", None, set()),
        ("email", "ann@example.org", None, {"ann"}),
        ("email", "nobody@example.org", None, set()),
    ],
)
def test_people_are_found_by_every_identifier(
    sandbox: Sandbox, kind: str, value: str, brand_id: str | None, who: set[str]
) -> None:
    """By id, external id within a brand, or e-mail identity; who is not there is no error."""
    found = resolve(sandbox, kind, value, brand_id=brand_id)
    assert found_ids(found) == ids(*who)
    assert not found.is_ambiguous


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("kind", ["user_id", "external_id"])
def test_both_readings_of_an_ambiguous_text_are_found(sandbox: Sandbox, kind: str, first: bool) -> None:
    """When Bob's external id is Ann's id, both are found, whichever of them the API would give."""
    sandbox.set_behaviour(external_id_first=first)
    sandbox.change({"op": "edit", "kind": "user", "id": oid("bob"), "set": {"externalId": oid("ann")}})
    for name in ("bob-default", "club"):
        person = {"kind": "participant", "id": oid(f"{name}/bob"), "owner_id": oid(name)}
        sandbox.change({"op": "edit", **person, "set": {"userExternalId": oid("ann")}})
    found = resolve(sandbox, kind, oid("ann"))
    assert found_ids(found) == ids("ann", "bob")
    assert found.is_ambiguous


def test_an_email_of_several_people_is_ambiguous(sandbox: Sandbox) -> None:
    """All who have the address are given."""
    identities = [{"type": "email", "value": "ann@example.org"}]
    sandbox.change({"op": "edit", "kind": "user", "id": oid("cara"), "set": {"identities": identities}})
    found = resolve(sandbox, "email", "ann@example.org")
    assert (found_ids(found), found.is_ambiguous) == (ids("ann", "cara"), True)


@pytest.mark.parametrize("first", [True, False])
def test_a_namesake_is_not_whom_an_id_means(sandbox: Sandbox, first: bool) -> None:
    """An id that nobody has, but that is Bob's external id, means nobody; an external id that is Cara's id likewise."""
    sandbox.set_behaviour(external_id_first=first)
    sandbox.change({"op": "edit", "kind": "user", "id": oid("bob"), "set": {"externalId": oid("nobody")}})
    assert resolve(sandbox, "user_id", oid("nobody")).users == ()
    assert found_ids(resolve(sandbox, "external_id", oid("nobody"))) == ids("bob")
    assert resolve(sandbox, "external_id", oid("cara")).users == ()


@pytest.mark.parametrize("value", ["", ".", "..", "a\0b"])
def test_what_would_address_something_else_is_refused(sandbox: Sandbox, value: str) -> None:
    """Dot segments and the like are not even looked up."""
    with pytest.raises(BadRequestError, match="refused"):
        resolve(sandbox, "external_id", value)


def test_a_wrong_app_is_an_error(sandbox: Sandbox) -> None:
    """Nobody is called unknown because the app is."""

    async def run(client: ApiClient) -> Any:
        return await ApiLookup(client, oid("no app")).user(oid("ann"))

    with pytest.raises(NotFoundError):
        with_client(sandbox, run)


def test_it_is_what_a_plan_asks_for(sandbox: Sandbox) -> None:
    """It offers the protocol of plans: users with what they carry, conversations, participants; calls are counted."""

    async def run(client: ApiClient) -> Any:
        api = ApiLookup(client, sandbox.app_id)
        lookup: UpstreamLookup = api
        users = await lookup.user(oid("ann")), await lookup.user_by_external_id("crm-branded", brand_id="7")
        talks = await lookup.conversations(oid("ann")), await lookup.conversations(oid("nobody"))
        people = await lookup.participants(oid("club")), await lookup.participants(oid("no talk"))
        return users, talks, people, api.calls

    (user, branded), (talks, no_talks), (people, no_people), calls = with_client(sandbox, run)
    assert (user.external_id, user.brand_id, user.emails) == ("crm-ann", None, {"ann@example.org"})
    assert (branded.brand_id, branded.to_be_retained, user.to_be_retained) == ("7", True, False)
    assert {(talk.conversation_id, talk.type, talk.is_default) for talk in talks} == {
        (oid("ann-default"), "personal", True),
        (oid("ann-extra"), "personal", False),
        (oid("club"), "sdkGroup", False),
    }
    assert (set(people), list(no_talks), list(no_people)) == (ids("ann", "bob"), [], [])
    assert calls == {"200": 4, "404": 2}


@pytest.mark.parametrize("merged_user", ["gone", "survivor"])
def test_a_merged_user_is_gone_or_answers_with_the_survivor(sandbox: Sandbox, merged_user: str) -> None:
    """Both behaviours of the API are told apart by the id that comes back."""
    sandbox.set_behaviour(merged_user=merged_user)
    sandbox.change({"op": "merge_users", "discarded_id": oid("cara"), "survivor_id": oid("ann")})
    assert found_ids(resolve(sandbox, "user_id", oid("cara"))) == (set() if merged_user == "gone" else ids("ann"))


def test_nothing_of_a_person_is_shown(sandbox: Sandbox) -> None:
    """Representations of what was found hold no identifier."""
    shown = repr(resolve(sandbox, "external_id", "crm-ann"))
    assert not any(value in shown for value in (oid("ann"), "crm-ann", "ann@example.org"))
    assert sandbox.destroying() == []
