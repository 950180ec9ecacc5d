from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pipeline.api.client import ApiClient
from pipeline.errors import ConfigError, ForbiddenError, NotFoundError
from pipeline.privacy.upstream.check import known_good, verify_upstream
from pipeline.privacy.upstream.types import UpstreamReason, UpstreamStatus
from tests.forked import Sandbox
from tests.integration.erasure_bench import (
    MemoryJournal,
    ann,
    assert_only_allowed,
    destroyed,
    erase,
    erasure_world,
    ids,
    state,
    with_client,
)
from tests.integration.small_worlds import SmallWorld, oid

STRANGE = ["..", ".", "", "a/b", "%2e%2e", "..%2f..", "crm-ann", "A" * 24, "a" * 24 + "\n", "a" * 25, "x" * 24]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The world of Ann, and an app of somebody else."""
    folder = tmp_path_factory.mktemp("worlds")
    other = SmallWorld("other").user("zoe").conversation("zoe-default", ["zoe"], isDefault=True)
    with Sandbox(erasure_world().write(folder), other.write(folder)) as running:
        yield running


@pytest.fixture
def sandbox(server: Sandbox) -> Sandbox:
    """Both worlds as they were at the start."""
    server.reset()
    return server


@pytest.mark.parametrize("strange", STRANGE)
@pytest.mark.parametrize("field", ["user_ids", "personal_conversation_ids", "group_conversation_ids"])
def test_what_is_no_id_never_leaves(sandbox: Sandbox, field: str, strange: str) -> None:
    """A closure with anything but ids of 24 hexadecimal digits is refused whole; no destroying call is made."""
    before = state(sandbox)
    result = erase(sandbox, ann(sandbox, **{field: frozenset({strange}) | getattr(ann(sandbox), field)}))
    assert (result.status, result.reason) == (UpstreamStatus.FATAL, UpstreamReason.REFUSED)
    assert sandbox.destroying() == []
    assert state(sandbox) == before


def test_ids_that_upstream_makes_up_never_leave(sandbox: Sandbox) -> None:
    """A message whose id, as the server tells it, is a dot segment stops the erasure instead of deleting more."""
    said = {"id": "..", "received": "2026-01-10T09:00:00.000Z", "author": {"type": "user", "userId": oid("ann")}}
    sandbox.change({"op": "add_messages", "app_id": sandbox.app_id, "conversation_id": oid("club"), "messages": [said]})
    result = erase(sandbox, ann(sandbox))
    assert (result.status, result.reason) == (UpstreamStatus.FATAL, UpstreamReason.REFUSED)
    assert_only_allowed(sandbox.destroying())
    assert oid("club") in {row["object"]["id"] for row in sandbox.world("conversations")}


def test_the_id_of_another_user_is_not_erased_against_the_plan(sandbox: Sandbox) -> None:
    """An id that upstream shows with somebody else's external id stops everything before the first destroying call."""
    result = erase(sandbox, ann(sandbox, user_ids=ids("ann", "bob")))
    assert (result.status, result.reason) == (UpstreamStatus.FATAL, UpstreamReason.CONTRADICTION)
    assert sandbox.destroying() == []


def test_the_conversation_of_another_user_is_not_deleted(sandbox: Sandbox) -> None:
    """A conversation that the plan calls the subject's, but in which somebody else takes part, loses nothing."""
    before = [row for row in sandbox.world("messages") if row["conversation_id"] == oid("bob-default")]
    subject = ann(sandbox)
    wrong = replace(subject, personal_conversation_ids=subject.personal_conversation_ids | ids("bob-default"))
    assert erase(sandbox, wrong).status is UpstreamStatus.DONE
    assert [row for row in sandbox.world("messages") if row["conversation_id"] == oid("bob-default")] == before
    assert oid("bob-default") in {row["object"]["id"] for row in sandbox.world("conversations")}


@pytest.mark.parametrize("first", [True, False])
def test_an_external_id_that_looks_like_an_id(sandbox: Sandbox, first: bool) -> None:
    """Bob, whose external id is Ann's id, stays, whichever reading the server prefers; Ann goes if she can be seen."""
    sandbox.set_behaviour(external_id_first=first)
    namesake = {"kind": "user", "id": oid("bob"), "set": {"externalId": oid("ann")}}
    sandbox.change({"op": "edit", "app_id": sandbox.app_id} | namesake)
    result = erase(sandbox, ann(sandbox))
    users = {row["object"]["id"] for row in sandbox.world("users")}
    assert oid("bob") in users
    assert_only_allowed(sandbox.destroying())
    if first:
        assert (result.status, result.reason) == (UpstreamStatus.FATAL, UpstreamReason.CONTRADICTION)
        assert sandbox.destroying() == []
    else:
        assert (result.status, oid("ann") in users) == (UpstreamStatus.DONE, False)


def test_a_wrong_app_is_fatal_and_nothing_is_done(sandbox: Sandbox) -> None:
    """An app that does not exist answers 404 to everything; that is no erasure: no step ends, no call is made."""
    journal = MemoryJournal()
    result = erase(sandbox, ann(sandbox, app_id=oid("no app")), journal=journal)
    assert (result.status, result.reason) == (UpstreamStatus.FATAL, UpstreamReason.APP_NOT_FOUND)
    assert result.stops_batch
    assert (journal.lines, sandbox.destroying()) == ([], [])


def test_the_app_of_somebody_else_is_fatal(sandbox: Sandbox) -> None:
    """A key of another app is refused; nothing is marked done."""
    journal = MemoryJournal()
    result = erase(sandbox, ann(sandbox), journal=journal, app_id=sandbox.app_ids[1])
    assert (result.status, result.reason, result.stops_batch) == (
        UpstreamStatus.FATAL,
        UpstreamReason.KEY_REFUSED,
        True,
    )
    assert (journal.lines, sandbox.destroying()) == ([], [])


def test_an_app_that_vanishes_on_the_way_is_fatal(sandbox: Sandbox) -> None:
    """When the app is gone in the middle, the rest is not taken for erased."""
    route = "POST /v2/apps/{appId}/attachments/remove"
    app = sandbox.app_id
    sandbox.schedule({"after_calls": 1, "route": route, "changes": [{"op": "delete_app", "app_id": app}]})
    journal = MemoryJournal()
    result = erase(sandbox, ann(sandbox), journal=journal)
    assert (result.status, result.stops_batch) == (UpstreamStatus.FATAL, True)
    assert "done" not in journal.statuses().values()


@pytest.mark.parametrize("said_scope", ["account", "app"])
def test_keys_of_account_scope_are_refused(sandbox: Sandbox, said_scope: str) -> None:
    """An account's key is refused by what it says, by its prefix, and by what it may see; nothing is sent with it."""
    with pytest.raises(ConfigError, match="could delete apps"):
        erase(sandbox, ann(sandbox), scope="account", said_scope=said_scope)
    assert sandbox.destroying() == []


def test_an_account_key_in_disguise_is_refused(sandbox: Sandbox) -> None:
    """A key whose id and scope look harmless, but which may list apps, is one of an account."""

    async def disguised(client: ApiClient) -> None:
        client.has_account_key = False
        await known_good(client, sandbox.app_id)

    with pytest.raises(ConfigError, match="could delete apps"):
        with_client(sandbox, disguised, scope="account")


def test_a_key_of_integration_scope_can_erase(sandbox: Sandbox) -> None:
    """Such a key may not see its app; that the app answers is seen by a look for users instead."""
    assert erase(sandbox, ann(sandbox), scope="integration").status is UpstreamStatus.DONE
    assert destroyed(sandbox)["DELETE users/ID"] == 1


def test_verification_needs_a_known_good_answer(sandbox: Sandbox) -> None:
    """Against a wrong app nobody is called gone."""
    wrong = ann(sandbox, app_id=oid("no app"))
    with pytest.raises(NotFoundError):
        with_client(sandbox, lambda client: verify_upstream(client, wrong))
    with pytest.raises(ForbiddenError):
        with_client(sandbox, lambda client: verify_upstream(client, ann(sandbox)), app_id=sandbox.app_ids[1])
    assert with_client(sandbox, lambda client: verify_upstream(client, ann(sandbox))) == "pending"
