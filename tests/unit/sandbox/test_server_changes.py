from __future__ import annotations

from typing import Any

import pytest

from pipeline.errors import SunlakeError
from tests.unit.sandbox.conftest import APP, Api, Json, oid
from tests.unit.sandbox.test_server_pages import walk_back


def change(api: Api, op: str, **fields: Any) -> list[str]:
    """Let one thing happen in the small world."""
    return api.sandbox.change({"op": op, "app_id": APP, **fields})[0]


def conversation(api: Api, name: str) -> Json:
    """The conversation with this name."""
    found: Json = api.get(f"/conversations/{oid(name)}").json()["conversation"]
    return found


def test_new_messages_come_last_and_move_last_updated_at(api: Api) -> None:
    """Made-up messages follow the last one by a second each, and lastUpdatedAt is that of the newest."""
    added = change(api, "add_messages", conversation_id=oid("group"), count=3)
    messages = api.messages("group").json()["messages"]
    assert [message["id"] for message in messages[-3:]] == added
    assert conversation(api, "group")["lastUpdatedAt"] == messages[-1]["received"] > messages[-4]["received"]
    assert change(api, "add_messages", conversation_id=oid("ann-empty"), count=1)
    assert len(api.messages("ann-empty").json()["messages"]) == 1


def test_late_messages_are_sorted_in(api: Api) -> None:
    """A message with an older `received` stands where it belongs, and lastUpdatedAt does not move back."""
    before = conversation(api, "group")
    late = {
        "id": "f" * 24,
        "received": "2026-01-02T00:00:05.500Z",
        "author": {"type": "business"},
        "source": {"type": "x"},
    }
    change(api, "add_messages", conversation_id=oid("group"), messages=[late])
    pages = walk_back(api, "group")
    assert [message["id"] for page in reversed(pages) for message in page].index("f" * 24) == 6
    assert conversation(api, "group") == before


def test_things_can_be_added(api: Api) -> None:
    """A new user with a client and a conversation is found by every route that leads there."""
    client = {"id": "c" * 24, "type": "line"}
    user = change(
        api, "add_user", user={"externalId": "new", "brandId": "9"}, clients=[client], devices=[{"type": "web"}]
    )[0]
    assert api.get("/users/new", brandId="9").json()["user"]["id"] == user
    assert api.get("/users/new").status_code == 404
    talk = {"id": "d" * 24, "type": "personal", "createdAt": "2026-03-01T00:00:00.000Z"}
    change(api, "add_conversation", conversation=talk, participants=[{"userId": user}], messages=[])
    change(api, "add_messages", conversation_id="d" * 24, count=1)
    listed = api.get("/conversations", filter__userId=user).json()["conversations"]
    assert [found["id"] for found in listed] == ["d" * 24]
    assert listed[0]["lastUpdatedAt"] == "2026-03-01T00:00:01.000Z"
    assert len(api.get(f"/users/{user}/devices").json()["devices"]) == 1
    assert api.get(f"/users/{user}/clients").json()["clients"] == [client]


def test_edits_do_not_move_last_updated_at(api: Api) -> None:
    """Edited objects of every kind show their new values, and lose those that were unset."""
    message = api.messages("group").json()["messages"][0]
    change(
        api,
        "edit",
        kind="message",
        id=message["id"],
        owner_id=oid("group"),
        set={"content": {"type": "text", "text": "!"}},
    )
    assert api.messages("group").json()["messages"][0]["content"]["text"] == "!"
    before = conversation(api, "group")
    change(api, "edit", kind="conversation", id=oid("group"), set={"displayName": "New"}, unset=["createdAt"])
    after = conversation(api, "group")
    assert after["lastUpdatedAt"] == before["lastUpdatedAt"]
    assert (after["displayName"], "createdAt" in after) == ("New", False)
    change(api, "edit", kind="user", id=oid("bob"), set={"externalId": "renamed"})
    assert api.get("/users/renamed").json()["user"]["id"] == oid("bob")
    assert api.get("/users/shared").status_code == 404
    change(api, "edit", kind="client", id=oid("sdk"), owner_id=oid("ann"), set={"status": "blocked"})
    assert api.get(f"/users/{oid('ann')}/clients").json()["clients"][0]["status"] == "blocked"


def test_people_join_and_leave(api: Api) -> None:
    """Both sides of membership change together."""
    change(api, "add_participants", conversation_id=oid("orphan"), participants=[{"userId": oid("bob")}])
    ids = [found["id"] for found in api.get("/conversations", filter__userId=oid("bob")).json()["conversations"]]
    assert oid("orphan") in ids
    change(api, "remove_participant", conversation_id=oid("group"), user_id=oid("bob"))
    ids = [found["id"] for found in api.get("/conversations", filter__userId=oid("bob")).json()["conversations"]]
    assert oid("group") not in ids


def test_retention_takes_messages_only(api: Api) -> None:
    """After delete_messages the conversation is unchanged and empty."""
    before = conversation(api, "group")
    change(api, "delete_messages", conversation_id=oid("group"))
    assert api.messages("group").json()["messages"] == []
    assert conversation(api, "group") == before


def test_merging_moves_clients_and_conversations(api: Api) -> None:
    """The discarded id is gone; clients, devices and conversations are the survivor's, who is in each group once."""
    change(api, "merge_users", discarded_id=oid("ann"), survivor_id=oid("bob"))
    assert api.get(f"/users/{oid('ann')}").status_code == 404
    assert len(api.get(f"/users/{oid('bob')}/clients").json()["clients"]) == 2
    assert len(api.get(f"/users/{oid('bob')}/devices").json()["devices"]) == 1
    found = api.get("/conversations", filter__userId=oid("bob")).json()["conversations"]
    assert {talk["id"] for talk in found} == {oid("bob-default"), oid("group"), oid("ann-empty")}
    people = api.get(f"/conversations/{oid('group')}/participants").json()["participants"]
    assert [person["userId"] for person in people] == [oid("bob")]


def test_merging_joins_default_conversations(api: Api) -> None:
    """Messages keep id and received and stand in the survivor's past; lastUpdatedAt does not move back."""
    moved = [message for page in walk_back(api, "bob-default") for message in page]
    before = conversation(api, "ann-default")
    change(api, "merge_users", discarded_id=oid("bob"), survivor_id=oid("ann"))
    assert api.get(f"/conversations/{oid('bob-default')}").status_code == 404
    history = [message for page in reversed(walk_back(api, "ann-default")) for message in page]
    assert len(history) == 253
    assert [message for message in history if message["id"] in {old["id"] for old in moved}] == moved
    assert history == sorted(history, key=lambda message: (message["received"], message["id"]))
    assert conversation(api, "ann-default") == before
    assert api.get("/users/shared").status_code == 404


def test_merged_id_may_answer_with_the_survivor(api: Api) -> None:
    """With merged_user=survivor the old id still answers, also after two merges: the id in the answer is another."""
    api.sandbox.set_behaviour(merged_user="survivor")
    change(api, "merge_users", discarded_id=oid("bob"), survivor_id=oid("ann"))
    change(api, "merge_users", discarded_id=oid("ann"), survivor_id=oid("busy"))
    assert api.get(f"/users/{oid('bob')}").json()["user"]["id"] == oid("busy")
    assert api.get("/conversations", filter__userId=oid("bob")).json()["meta"]["hasMore"] is True


def test_uploads_survive_a_merge(api: Api) -> None:
    """Moved messages still show their pictures."""
    change(api, "merge_users", discarded_id=oid("ann"), survivor_id=oid("bob"))
    assert api.client.get(f"{api.sandbox.base_url}/media/{APP}/photo one.png").status_code == 200


def test_changes_happen_in_the_middle_of_a_walk(api: Api) -> None:
    """A scheduled change takes effect after the given number of answers of its route, not before."""
    route = "GET /v2/apps/{appId}/conversations/{conversationId}/messages"
    later = {"op": "add_messages", "app_id": APP, "conversation_id": oid("ann-default"), "count": 5}
    gone = {"op": "delete_conversation", "app_id": APP, "conversation_id": oid("group")}
    api.sandbox.schedule(
        {"after_calls": 2, "route": route, "changes": [later]},
        {"after_calls": 4, "changes": [gone]},
    )
    api.get(f"/users/{oid('ann')}")
    assert [len(page) for page in walk_back(api, "ann-default")] == [100, 100, 50]
    assert api.sandbox.control("schedule") == {"waiting": [], "errors": []}
    assert api.messages("group").status_code == 404
    newest = api.messages("ann-default").json()["messages"]
    assert [message["content"]["text"] for message in newest[-5:]] == [f"New message {place}" for place in range(1, 6)]


def test_impossible_changes_are_reported(api: Api) -> None:
    """A change that names nothing, an unknown one, or one without app among several is refused with a reason."""
    bad = [
        ({"op": "delete_user", "app_id": APP, "user_id": "x"}, "no such user"),
        ({"op": "explode"}, "Invalid value"),
        ({"op": "delete_user", "user_id": oid("ann")}, "no such app"),
        ({"op": "delete_user", "app_id": APP, "user": "x"}, "unknown field"),
    ]
    for wrong, reason in bad:
        with pytest.raises(SunlakeError, match=reason):
            api.sandbox.change(wrong)
    with pytest.raises(SunlakeError, match="no route"):
        api.sandbox.schedule({"after_calls": 1, "route": "GET /nowhere", "changes": []})


def test_reset_undoes_everything(api: Api) -> None:
    """After a reset the world, keys and counts are as at the start."""
    before = list(api.sandbox.world())
    change(api, "delete_user", user_id=oid("ann"))
    change(api, "add_user", user={"id": "e" * 24})
    change(api, "delete_app")
    assert list(api.sandbox.world(app_id=APP)) == []
    api.sandbox.reset()
    assert list(api.sandbox.world()) == before
    assert api.get("").status_code == 200
