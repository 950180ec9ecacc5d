"""The world goes on while it is exported; afterwards one more look makes the lake equal to it."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.config import CommitSettings
from tests.integration.conftest import Serve
from tests.integration.lake_truth import assert_no_message_twice, assert_same_as_world, data_files
from tests.integration.small_worlds import BEGINNING as EARLY
from tests.integration.small_worlds import SmallWorld, message, moment, oid, participant

pytestmark = pytest.mark.slow

LATER = EARLY.replace(month=3)


def _world() -> SmallWorld:
    world = SmallWorld("moving")
    for name in ("anna", "ben", "cleo", "dora"):
        world.user(name, clients=[f"client of {name}"])
        world.conversation(f"talk of {name}", [name], messages=130, isDefault=name in {"anna", "ben"})
    return world.conversation("group", ["anna", "ben", "cleo"], messages=5)


def _arrival(name: str, users: list[str]) -> dict[str, Any]:
    head = {"id": oid(name), "type": "personal" if len(users) == 1 else "sdkGroup", "metadata": {}, "isDefault": False}
    times = {"createdAt": moment(LATER), "lastUpdatedAt": moment(LATER)}
    return {
        "op": "add_conversation",
        "conversation": head | times,
        "participants": [participant(name, user) for user in users],
        "messages": [message(f"{name}#0", LATER, author=users[0])],
    }


SEEN_BY_A_RUN: dict[str, list[dict[str, Any]]] = {
    "messages arrive": [{"op": "add_messages", "conversation_id": oid("talk of cleo"), "count": 150}],
    "a conversation begins": [_arrival("new talk", ["ben"])],
    "someone new joins in": [
        {"op": "add_user", "user": {"id": oid("emil"), "authenticated": True, "profile": {}}},
        _arrival("new group", ["anna", "emil"]),
    ],
    "a user goes": [{"op": "delete_user", "user_id": oid("dora")}],
    "a conversation goes": [{"op": "delete_conversation", "conversation_id": oid("talk of cleo")}],
}
SEEN_BY_A_SWEEP: dict[str, list[dict[str, Any]]] = {
    "a message goes": [
        {"op": "delete_message", "conversation_id": oid("talk of anna"), "message_id": oid("talk of anna#90")}
    ],
    "a message leaves a placeholder": [
        {
            "op": "delete_message",
            "conversation_id": oid("talk of anna"),
            "message_id": oid("talk of anna#9"),
            "placeholder": True,
        }
    ],
    "an edit": [
        {
            "op": "edit",
            "kind": "message",
            "id": oid("talk of ben#100"),
            "owner_id": oid("talk of ben"),
            "set": {"content": {"type": "text", "text": "edited"}},
        },
        {"op": "edit", "kind": "user", "id": oid("cleo"), "set": {"metadata": {"vip": True}}},
    ],
    "a history is emptied": [{"op": "delete_messages", "conversation_id": oid("talk of cleo")}],
    "someone leaves": [{"op": "remove_participant", "conversation_id": oid("group"), "user_id": oid("cleo")}],
    "a merge of two with default conversations": [
        {"op": "merge_users", "discarded_id": oid("ben"), "survivor_id": oid("anna")}
    ],
    "a merge of two without": [{"op": "merge_users", "discarded_id": oid("dora"), "survivor_id": oid("cleo")}],
}
MERGES = [name for name in SEEN_BY_A_SWEEP if "merge" in name]
EVERYTHING = [
    *SEEN_BY_A_RUN["messages arrive"],
    *SEEN_BY_A_RUN["someone new joins in"],
    *SEEN_BY_A_SWEEP["a message goes"],
    *SEEN_BY_A_SWEEP["an edit"],
    *SEEN_BY_A_SWEEP["a merge of two with default conversations"],
    *SEEN_BY_A_RUN["a user goes"],
]


@pytest.mark.parametrize("after_calls", [9, 15, 21])
@pytest.mark.parametrize("changes", SEEN_BY_A_RUN.values(), ids=SEEN_BY_A_RUN)
def test_what_happens_during_a_run_is_in_the_lake_after_the_next(
    serve: Serve, changes: list[dict[str, Any]], after_calls: int
) -> None:
    """A plain run after the one that was overtaken makes the lake equal to the world, and a sweep finds nothing."""
    bench = serve(_world(), max_concurrency=2, commit=CommitSettings(seconds=600, pages=7))
    bench.sandbox.schedule({"after_calls": after_calls, "changes": changes})
    bench.export()
    assert not bench.sandbox.control("schedule")["waiting"], "it happened during the run"
    bench.export()
    assert_same_as_world(bench.lake, bench.sandbox)
    assert_no_message_twice(bench.lake, app_id=bench.app_id)
    _assert_sweep_writes_nothing(bench)


@pytest.mark.parametrize("after_calls", [9, 17])
@pytest.mark.parametrize(
    ("changes", "merged_user"),
    [
        *((changes, "gone") for changes in (*SEEN_BY_A_SWEEP.values(), EVERYTHING)),
        *((SEEN_BY_A_SWEEP[name], "survivor") for name in MERGES),
        (EVERYTHING, "survivor"),
    ],
    ids=[*SEEN_BY_A_SWEEP, "everything", *(f"{name}, id leads on" for name in MERGES), "everything, id leads on"],
)
def test_what_no_timestamp_tells_is_found_by_a_sweep(
    serve: Serve, changes: list[dict[str, Any]], after_calls: int, merged_user: str
) -> None:
    """Deletions, edits and merges during a run are in the lake after a sweep; another sweep writes no row."""
    bench = serve(
        _world(), behaviour={"merged_user": merged_user}, max_concurrency=2, commit=CommitSettings(seconds=600, pages=7)
    )
    bench.sandbox.schedule({"after_calls": after_calls, "changes": changes})
    bench.export()
    assert not bench.sandbox.control("schedule")["waiting"], "it happened during the run"
    bench.sweep()
    assert_same_as_world(bench.lake, bench.sandbox)
    _assert_sweep_writes_nothing(bench)


@pytest.mark.parametrize("after_calls", [4, 12, 24])
def test_what_happens_during_a_sweep_is_found_by_the_next(serve: Serve, after_calls: int) -> None:
    """A sweep that the world overtakes leaves nothing that the next one does not set right."""
    bench = serve(_world(), max_concurrency=2, commit=CommitSettings(seconds=600, pages=7))
    bench.export()
    bench.sandbox.schedule({"after_calls": after_calls, "changes": EVERYTHING})
    bench.sweep()
    bench.sweep()
    assert_same_as_world(bench.lake, bench.sandbox)
    _assert_sweep_writes_nothing(bench)


def _assert_sweep_writes_nothing(bench: Any) -> None:
    before = data_files(bench.lake)
    bench.sweep()
    assert data_files(bench.lake) == before, "a further sweep writes no row"
