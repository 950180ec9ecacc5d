"""Copies for which upstream is asked once more, over real HTTP: what is newer there, what is gone, whose it is."""

from __future__ import annotations

import pytest

from pipeline.privacy.access.told import Asked
from tests.integration.access_bench import copy, subject_of
from tests.integration.conftest import Serve
from tests.integration.export_bench import Bench
from tests.integration.lake_truth import raw_rows
from tests.integration.small_worlds import BEGINNING, HOUR, SmallWorld, message, oid
from tests.integration.upstream_copies import (
    TABLES,
    manifest_of,
    new_talk,
    opened,
    run_copy,
    show_keys,
    small_circle,
)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys that every desk needs."""
    show_keys(monkeypatch)


@pytest.fixture
def bench(serve: Serve) -> Bench:
    """An exported world: Ann alone, Ann and Bob in a group; what happens later is upstream only."""
    bench = serve(small_circle())
    bench.export()
    return bench


def test_a_person_who_stands_only_upstream_gets_everything(bench: Bench) -> None:
    """User, client, device, conversation, participant and messages come from upstream, and the lake stays as it is."""
    bench.sandbox.change(
        {
            "op": "add_user",
            "user": {"id": oid("new"), "externalId": "new-external", "profile": {"givenName": "Nora"}},
            "clients": [{"id": oid("new phone"), "type": "web", "status": "active"}],
            "devices": [{"id": oid("new device"), "type": "web", "guid": "guid-new", "clientId": oid("new phone")}],
        },
        new_talk("first", "new", said="only upstream"),
    )
    before = {table: list(raw_rows(bench.lake, table, app_id=bench.app_id)) for table in TABLES}
    done = run_copy(bench, "new")
    assert done.exit_code == 0
    copied = opened(done)
    counts = {table: len(copied.rows(table)) for table in TABLES}
    assert counts == dict.fromkeys(TABLES, 1) | {"events": 0}
    assert [row["text"] for row in copied.rows("messages")] == ["only upstream"]
    assert "Nora" in copied.page
    assert "only upstream" in copied.page
    manifest = manifest_of(copied)
    assert manifest["upstream"]["state"] == "complete"
    assert manifest["upstream"]["new_or_changed"]["messages"] == 1
    assert {table: list(raw_rows(bench.lake, table, app_id=bench.app_id)) for table in TABLES} == before


def test_newer_messages_and_values_come_from_upstream_and_the_older_ones_from_the_lake(bench: Bench) -> None:
    """The newest version wins; JSON, Parquet and page say the same; a second asking gives the same bytes."""
    bench.sandbox.change(
        {
            "op": "add_messages",
            "conversation_id": oid("chat"),
            "messages": [message("late", BEGINNING + 9 * HOUR, author="ann", text="after the export")],
        },
        {"op": "edit", "kind": "user", "id": oid("ann"), "set": {"profile": {"givenName": "Anna"}}},
    )
    subject = subject_of(bench, oid("ann"))
    copied, again = (copy(bench, subject, out=out, asks=True) for out in ("one", "two"))
    chat = [row for row in copied.rows("messages") if row["conversation_id"] == oid("chat")]
    assert [row["text"] for row in chat] == [*(f"Text of chat#{n}" for n in range(3)), "after the export"]
    assert {row["copy_state"] for row in copied.rows("messages")} == {"current"}
    assert [row["given_name"] for row in copied.rows("users")] == ["Anna"]
    for table in TABLES:
        assert len(copied.parquet(table)) == len(copied.rows(table)) == manifest_of(copied)["records"][table]
    assert all(row["text"] in copied.page for row in chat)
    assert copied.export.counts["fresh_messages"] == 1
    assert copied.export.counts["fresh_users"] == 1
    assert copied.export.path.read_bytes() == again.export.path.read_bytes()


def test_what_upstream_does_not_tell_any_more_is_kept_and_marked(bench: Bench) -> None:
    """A message, a conversation or a person that is gone since the last sweep stays in the copy, marked as gone."""
    subject = subject_of(bench, oid("ann"))
    bench.sandbox.change({"op": "delete_message", "conversation_id": oid("chat"), "message_id": oid("chat#0")})
    states = {row["message_id"]: row["copy_state"] for row in copy(bench, subject, asks=True).rows("messages")}
    assert [states[oid(f"chat#{number}")] for number in range(3)] == ["gone", "current", "current"]
    bench.sandbox.change({"op": "delete_user", "user_id": oid("ann")})
    copied = copy(bench, subject, asks=True)
    assert copied.export.asked is Asked.COMPLETE
    assert {row["copy_state"] for row in copied.rows("users") + copied.rows("clients")} == {"gone"}
    assert {row["copy_state"] for row in copied.rows("messages") if row["conversation_id"] == oid("chat")} == {"gone"}
    assert "no longer at the messaging service" in copied.page


def test_others_who_stand_only_upstream_are_not_told_of(bench: Bench) -> None:
    """A group that is new upstream keeps what its members said, and loses who they are, wherever it is written."""
    carl = {"givenName": "Carlo", "surname": "Secretname", "email": "carl@secret.example"}
    mine = message("mine", BEGINNING + HOUR, author="ann", text="from ann")
    mine["metadata"] = {"ref": "carl-external-77", "mail": "carl@secret.example", oid("carl"): "Carlo Secretname"}
    theirs = message("theirs", BEGINNING, author="carl", text="from carl")
    theirs["author"] |= {"displayName": "Carlo Secretname", "avatarUrl": "https://media.example.com/carl.png"}
    talk = new_talk("club", "ann", "carl") | {"messages": [theirs, mine]}
    talk["participants"][1]["userExternalId"] = "carl-external-77"
    bench.sandbox.change(
        {"op": "add_user", "user": {"id": oid("carl"), "externalId": "carl-external-77", "profile": carl}}, talk
    )
    copied = opened(run_copy(bench, "ann"))
    everything = "\x00".join(copied.texts())
    for canary in ("Secretname", "carl-external-77", "carl@secret", "carl.png", oid("carl")):
        assert canary not in everything
    said = [(row["author"], row["text"]) for row in copied.rows("messages") if row["conversation_id"] == oid("club")]
    assert said == [("Person 1", "from carl"), ("You", "from ann")]
    assert {row["user_id"] for row in copied.rows("participants")} == {oid("ann")}


def test_of_a_group_that_was_left_nothing_newer_is_taken_but_what_the_person_wrote(bench: Bench) -> None:
    """What others said after somebody left is not theirs to see, though upstream would tell it."""
    bench.sandbox.change(
        {
            "op": "add_messages",
            "conversation_id": oid("group"),
            "messages": [
                message("bye", BEGINNING + 8 * HOUR, author="ann", text="bye"),
                message("gossip", BEGINNING + 9 * HOUR, author="bob", text="about ann"),
            ],
        },
        {"op": "remove_participant", "conversation_id": oid("group"), "user_id": oid("ann")},
    )
    copied = copy(bench, subject_of(bench, oid("ann")), asks=True)
    group = [row["text"] for row in copied.rows("messages") if row["conversation_id"] == oid("group")]
    assert group == ["Text of group#0", "Text of group#1", "bye"]
    assert "about ann" not in "".join(copied.texts())


def test_somebody_merged_into_the_person_since_is_the_person(serve: Serve) -> None:
    """What was written under the other id is the person's own, though no export has heard of the merge."""
    world = SmallWorld("merged").user("old").user("ann").conversation("chat", ["old"], messages=1)
    bench = serve(world, behaviour={"merged_user": "survivor"})
    bench.export()
    bench.sandbox.change({"op": "merge_users", "discarded_id": oid("old"), "survivor_id": oid("ann")})
    copied = copy(bench, subject_of(bench, oid("ann")), asks=True)
    assert [(row["author"], row["author_user_id"]) for row in copied.rows("messages")] == [("You", oid("old"))]
    assert {row["user_id"]: row["copy_state"] for row in copied.rows("users")} == {
        oid("old"): "gone",
        oid("ann"): "current",
    }


def test_somebody_who_joined_since_makes_a_group_of_a_personal_conversation(bench: Bench) -> None:
    """What was the person's alone in the lake is redacted like a group once upstream shows another member."""
    bench.sandbox.change(
        {
            "op": "add_participants",
            "conversation_id": oid("chat"),
            "participants": [{"userId": oid("bob"), "userExternalId": "bob-external-5"}],
        },
        {"op": "edit", "kind": "conversation", "id": oid("chat"), "set": {"metadata": {"about": "bob"}}},
    )
    copied = copy(bench, subject_of(bench, oid("ann")), asks=True)
    (chat,) = (row for row in copied.rows("conversations") if row["conversation_id"] == oid("chat"))
    assert "metadata" not in chat
