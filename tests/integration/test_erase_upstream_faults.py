from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.privacy.upstream.types import UpstreamReason, UpstreamStatus
from tests.forked import Sandbox
from tests.integration.erasure_bench import MemoryJournal, ann, assert_only_allowed, erase, erasure_world, state

Json = dict[str, Any]

PASSING: dict[str, Json] = {
    "429": {"kind": "status", "status": 429},
    "500": {"kind": "status", "status": 500},
    "500 although it was done": {"kind": "status", "status": 500, "executed": True},
    "reset": {"kind": "reset"},
    "cut": {"kind": "truncate"},
    "HTML with 200": {"kind": "status", "status": 200, "body": "html"},
    "empty with 200": {"kind": "status", "status": 200, "body": "empty"},
}
SILENT: dict[str, Json] = {
    "silence": {"kind": "hang"},
    "silence although it was done": {"kind": "hang", "executed": True},
}
DESTROYING = (
    "POST /v2/apps/{appId}/attachments/remove",
    "DELETE /v2/apps/{appId}/conversations/{conversationId}/messages/{messageId}",
    "POST /v2/apps/{appId}/conversations/{conversationId}/leave",
    "DELETE /v2/apps/{appId}/conversations/{conversationId}",
    "DELETE /v2/apps/{appId}/conversations/{conversationId}/messages",
    "DELETE /v2/apps/{appId}/users/{userIdOrExternalId}/personalinformation",
    "DELETE /v2/apps/{appId}/users/{userIdOrExternalId}",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The world of Ann."""
    with Sandbox(erasure_world().write(tmp_path_factory.mktemp("world"))) as running:
        yield running


@pytest.fixture(scope="module")
def expected(server: Sandbox) -> tuple[int, list[str]]:
    """How many calls an erasure without faults makes, and the state that it leaves."""
    server.reset()
    assert erase(server, ann(server)).status is UpstreamStatus.DONE
    return server.stats()["calls"], state(server)


@pytest.mark.parametrize("name", ["500 although it was done", "reset"])
def test_a_fault_at_any_call_changes_nothing(server: Sandbox, expected: tuple[int, list[str]], name: str) -> None:
    """Whichever call of the whole erasure fails once, the run ends with the same state."""
    calls, final = expected
    for place in range(calls):
        server.reset()
        server.set_faults(PASSING[name] | {"after": place, "times": 1})
        assert erase(server, ann(server)).status is UpstreamStatus.DONE
        assert state(server) == final


@pytest.mark.parametrize("name", PASSING)
@pytest.mark.parametrize("route", DESTROYING)
def test_a_destroying_call_that_fails_once(
    server: Sandbox, expected: tuple[int, list[str]], route: str, name: str
) -> None:
    """Any fault of any destroying call is outlived: the outcome is looked up, or the call repeated."""
    server.reset()
    server.set_faults(PASSING[name] | {"route": route, "times": 1})
    journal = MemoryJournal()
    result = erase(server, ann(server), journal=journal)
    assert result.status is UpstreamStatus.DONE
    assert state(server) == expected[1]
    assert sum(result.calls.values()) == len(server.destroying())
    assert set(journal.statuses().values()) == {"done", "already"}
    assert_only_allowed(server.destroying())


@pytest.mark.parametrize("name", SILENT)
def test_a_destroying_call_that_gets_no_answer(server: Sandbox, expected: tuple[int, list[str]], name: str) -> None:
    """After silence only another look can tell what happened; it is counted as a call without a status."""
    server.reset()
    server.set_faults(*(SILENT[name] | {"route": route, "times": 1} for route in DESTROYING))
    result = erase(server, ann(server), read_timeout=0.3)
    assert result.status is UpstreamStatus.DONE
    assert result.calls["none"] == len(DESTROYING)
    assert state(server) == expected[1]


@pytest.mark.parametrize("route", DESTROYING)
def test_a_fault_that_stays_is_retryable_and_no_step_is_called_done(
    server: Sandbox, expected: tuple[int, list[str]], route: str
) -> None:
    """With 503 for ever the subject is `failed_retryable` at that very step; later the same batch ends as it should."""
    server.reset()
    server.set_faults({"kind": "status", "status": 503, "route": route})
    journal = MemoryJournal()
    result = erase(server, ann(server), journal=journal, max_call_seconds=0.2)
    assert (result.status, result.reason) == (UpstreamStatus.FAILED_RETRYABLE, UpstreamReason.UNAVAILABLE)
    assert not result.stops_batch
    assert list(journal.statuses().values())[-1] == "failed_retryable"
    assert result.calls["503"] >= 1
    server.set_faults()
    assert erase(server, ann(server), journal=journal).status is UpstreamStatus.DONE
    assert state(server) == expected[1]


@pytest.mark.parametrize("kind", ["revoked", "forbidden"])
@pytest.mark.parametrize("route", DESTROYING)
def test_a_refused_key_stops_the_batch(server: Sandbox, route: str, kind: str) -> None:
    """401 and 403 are fatal for all subjects; the step at which it happens is not done."""
    server.reset()
    server.set_faults({"kind": kind, "route": route})
    journal = MemoryJournal()
    result = erase(server, ann(server), journal=journal)
    assert (result.status, result.reason) == (UpstreamStatus.FATAL, UpstreamReason.KEY_REFUSED)
    assert result.stops_batch
    assert list(journal.statuses().values())[-1] == "fatal"


def test_a_404_that_is_not_the_api_s_stops_the_batch(server: Sandbox) -> None:
    """A 404 page of a proxy never counts as "gone already"."""
    server.reset()
    route = "DELETE /v2/apps/{appId}/users/{userIdOrExternalId}"
    server.set_faults({"kind": "status", "status": 404, "body": "html", "route": route})
    journal = MemoryJournal()
    result = erase(server, ann(server), journal=journal)
    assert (result.status, result.reason) == (UpstreamStatus.FATAL, UpstreamReason.PROTOCOL)
    assert (result.stops_batch, journal.statuses()["user"]) == (True, "fatal")
