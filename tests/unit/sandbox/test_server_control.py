from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from pipeline.errors import SunlakeError
from tests.forked import Sandbox
from tests.unit.sandbox.conftest import APP, OTHER_APP, Api, oid, write_world

MESSAGES = "GET /v2/apps/{appId}/conversations/{conversationId}/messages"


def test_calls_are_counted_by_route(api: Api) -> None:
    """Counts go by template and status, whatever the ids in the path; control calls do not count."""
    api.messages("group")
    api.messages("orphan")
    api.get("/users/nobody")
    api.get("/nowhere")
    stats = api.sandbox.stats()
    assert stats["routes"] == {MESSAGES: 2, "GET /v2/apps/{appId}/users/{userIdOrExternalId}": 1, "unknown": 1}
    assert stats["statuses"] == {"200": 2, "404": 2}
    assert (stats["calls"], sum(stats["accepted_per_second"].values())) == (4, 4)
    api.sandbox.reset_stats()
    assert api.sandbox.stats()["calls"] == 0


def test_repeated_calls_are_named(api: Api) -> None:
    """The same path and query answered twice is named with its count; a call repeated after a fault is not."""
    api.sandbox.set_faults({"kind": "status", "times": 2})
    for _ in range(3):
        api.messages("group")
    assert api.sandbox.stats()["repeated"] == {}
    api.messages("group")
    target = f"GET /v2/apps/{APP}/conversations/{oid('group')}/messages"
    assert api.sandbox.stats()["repeated"] == {target: 2}
    assert api.sandbox.stats()["repeated_calls"] == 1


def test_calls_side_by_side_are_measured(api: Api) -> None:
    """The most calls that were under way at once are known."""
    api.sandbox.set_faults({"kind": "slow", "latency_ms": 500})
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(api.messages, ["group"] * 4))
    assert api.sandbox.stats()["most_in_flight"] == 4


def test_calls_can_be_logged(api: Api) -> None:
    """The log is off until it is asked for, and keeps no more calls than it may."""
    api.get("")
    assert api.sandbox.control("calls") == {"calls": []}
    api.sandbox.control("calls", {"cap": 2})
    for path in ("/switchboards", "", "/nowhere"):
        api.get(path)
    assert [call["status"] for call in api.sandbox.control("calls")["calls"]] == [200, 404]


def test_world_tells_everything_that_is_true_now(api: Api) -> None:
    """The truth follows changes, names owners, and can be asked for by app and table."""
    api.sandbox.change(
        {
            "op": "delete_message",
            "app_id": APP,
            "conversation_id": oid("bob-default"),
            "message_id": f"{0:06x}{oid('bob-default')[:18]}",
        }
    )
    lines = list(api.sandbox.world("messages", "participants", app_id=APP))
    assert {line["table"] for line in lines} == {"messages", "participants"}
    assert {line["app_id"] for line in lines} == {APP}
    mine = [
        line["object"]
        for line in lines
        if line["table"] == "messages" and line["conversation_id"] == oid("bob-default")
    ]
    assert mine == api.messages("bob-default").json()["messages"]
    assert {line["app_id"] for line in api.sandbox.world("apps")} == {APP, OTHER_APP}
    with pytest.raises(SunlakeError, match="tables are"):
        api.sandbox.control("world?tables=nonsense")


def test_world_can_be_served_again(api: Api, tmp_path: Path) -> None:
    """What /_control/world wrote is a world of its own: served again, it tells the same."""
    lines = list(api.sandbox.world(app_id=APP))
    path = tmp_path / "again.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with Sandbox(f"recorded:{path}") as again:
        theirs = json.dumps(list(again.world())).replace(again.base_url, api.sandbox.base_url)
        assert json.loads(theirs) == lines


def test_seeds_name_the_app(api: Api) -> None:
    """Seeds are rows of a seeds file; who was added since is among them."""
    api.sandbox.change({"op": "add_user", "app_id": APP, "user": {"id": "e" * 24}})
    seeds = list(api.sandbox.seeds(app_id=APP))
    assert {"app_id": APP, "conversation_id": oid("orphan")} in seeds
    assert seeds[-1] == {"app_id": APP, "user_id": "e" * 24}


def test_messages_can_be_rendered_ahead(api: Api, tmp_path: Path) -> None:
    """Warming holds all conversations of a small world, and no more than the cache may hold; changes still show."""
    assert api.sandbox.warm() == 2 * 65
    api.sandbox.change({"op": "delete_messages", "app_id": APP, "conversation_id": oid("group")})
    assert api.messages("group").json()["messages"] == []
    with Sandbox(f"recorded:{write_world(tmp_path / 'one', APP)}", cache_mib=0) as small:
        key = small.key()
        assert small.warm() == 0
        path = f"{small.base_url}/v2/apps/{APP}/conversations/{oid('group')}/messages"
        assert len(httpx.get(path, auth=(key.id, key.secret)).json()["messages"]) == 100


def test_unknown_behaviour_is_refused(api: Api) -> None:
    """A misspelt behaviour is an error, not silence."""
    with pytest.raises(SunlakeError, match="unknown field"):
        api.sandbox.set_behaviour(delete_polls=3)
    with pytest.raises(SunlakeError, match="Invalid enum value"):
        api.sandbox.set_behaviour(deleted_message="burn")


def test_recorded_world_must_hold_one_app(tmp_path: Path) -> None:
    """A file of two apps, of none, or of no JSON is refused with a reason."""
    from pipeline.errors import ConfigError
    from pipeline.sandbox.recorded import RecordedWorld

    two = tmp_path / "two.jsonl"
    two.write_text(write_world(tmp_path / "a", APP).read_text() + write_world(tmp_path / "b", OTHER_APP).read_text())
    broken = tmp_path / "broken.jsonl"
    broken.write_text("{")
    orphan = tmp_path / "orphan.jsonl"
    orphan.write_text('{"table": "messages", "app_id": "a", "object": {"id": "m"}}\n')
    for path in (two, broken, orphan, tmp_path / "absent"):
        with pytest.raises(ConfigError):
            RecordedWorld.read(path)
