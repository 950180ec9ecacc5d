from __future__ import annotations

import time

import pytest

from tests.unit.sandbox.conftest import APP, OTHER_APP, Api, oid
from tests.unit.sandbox.test_server_reading import code


def test_deleted_user_is_gone_after_some_polls(api: Api) -> None:
    """DeleteUser answers at once; the user answers so many GETs more, then all that was theirs is gone."""
    api.sandbox.set_behaviour(delete_user_polls=2)
    assert api.delete(f"/users/{oid('ann')}").json() == {}
    assert [api.get(f"/users/{oid('ann')}").status_code for _ in range(3)] == [200, 200, 404]
    assert code(api.get("/conversations", filter__userId=oid("ann"))) == (404, "user_not_found")
    assert code(api.get(f"/conversations/{oid('ann-default')}")) == (404, "conversation_not_found")
    assert api.messages("ann-default").status_code == 404


def test_deleted_user_leaves_groups_but_not_their_messages(api: Api) -> None:
    """A group loses the participant and keeps its history."""
    api.sandbox.set_behaviour(delete_user_polls=0)
    api.delete(f"/users/{oid('ann')}")
    people = api.get(f"/conversations/{oid('group')}/participants").json()["participants"]
    assert [person["userId"] for person in people] == [oid("bob")]
    assert len(api.messages("group").json()["messages"]) == 100


def test_deletion_may_take_time(api: Api) -> None:
    """With delete_user_ms the user stays for that time, however often one asks."""
    api.sandbox.set_behaviour(delete_user_polls=0, delete_user_ms=300)
    start = time.monotonic()
    api.delete(f"/users/{oid('bob')}")
    while api.get(f"/users/{oid('bob')}").status_code == 200:
        assert api.get(f"/users/{oid('ann')}").status_code == 200
    assert time.monotonic() - start >= 0.3


def test_personal_information_is_cleared(api: Api) -> None:
    """Names, identities and custom properties go, of clients too; external id, locale, devices and history stay."""
    answer = api.delete(f"/users/{oid('ann')}/personalinformation").json()["user"]
    assert answer["externalId"] == "crm/ann?1#%"
    assert (answer["identities"], answer["metadata"], answer["profile"]) == ([], {}, {})
    assert api.get(f"/users/{oid('ann')}").json()["user"] == answer
    client = api.get(f"/users/{oid('ann')}/clients").json()["clients"][0]
    assert (client["displayName"], client["raw"]) == (None, None)
    assert api.get("/users", filter__identities__email="ann+a@example.com").json() == {"users": []}
    assert len(api.messages("ann-default").json()["messages"]) == 100
    busy = api.delete(f"/users/{oid('busy')}/personalinformation").json()["user"]
    assert (busy["profile"], "zendeskId" in busy) == ({"locale": "en"}, False)


def test_default_conversation_cannot_be_deleted(api: Api) -> None:
    """DeleteConversation of the default one is 400; its messages can be deleted instead."""
    assert code(api.delete(f"/conversations/{oid('ann-default')}")) == (400, "bad_request")
    before = api.get(f"/conversations/{oid('ann-default')}").json()
    assert api.delete(f"/conversations/{oid('ann-default')}/messages").json() == {}
    assert api.messages("ann-default").json() == {"messages": [], "meta": {"hasMore": False}, "links": {}}
    assert api.get(f"/conversations/{oid('ann-default')}").json() == before


def test_other_conversations_can_be_deleted(api: Api) -> None:
    """The conversation, its participants and messages are gone, and it leaves the lists of its people."""
    assert api.delete(f"/conversations/{oid('group')}").status_code == 200
    for tail in ("", "/participants", "/messages"):
        assert api.get(f"/conversations/{oid('group')}{tail}").status_code == 404
    left = api.get("/conversations", filter__userId=oid("bob")).json()["conversations"]
    assert [conversation["id"] for conversation in left] == [oid("bob-default")]
    assert code(api.delete(f"/conversations/{oid('group')}")) == (404, "conversation_not_found")


@pytest.mark.parametrize("left", ["placeholder", "remove"])
def test_deleted_message_leaves_a_placeholder_or_nothing(api: Api, left: str) -> None:
    """A placeholder says who, when and `deleted`, but not what; lastUpdatedAt does not move."""
    api.sandbox.set_behaviour(deleted_message=left)
    conversation = api.get(f"/conversations/{oid('group')}").json()
    victim = api.messages("group").json()["messages"][50]
    path = f"/conversations/{oid('group')}/messages/{victim['id']}"
    assert api.delete(path).json() == {}
    messages = api.messages("group").json()["messages"]
    if left == "remove":
        assert victim["id"] not in {message["id"] for message in messages}
        assert api.delete(path).status_code == 404
    else:
        kept = {name: victim[name] for name in ("id", "received", "author", "source")}
        assert messages[50] == kept | {"deleted": True}
    assert api.get(f"/conversations/{oid('group')}").json() == conversation


def test_leaving_by_any_name(api: Api) -> None:
    """LeaveConversation takes userId, userExternalId or participantId, exactly one; 404 for those who are not in."""
    path = f"/conversations/{oid('group')}/leave"
    assert code(api.post(path, {})) == (400, "bad_request")
    assert code(api.post(path, {"userId": oid("ann"), "participantId": "x"})) == (400, "bad_request")
    assert code(api.post(path, [])) == (400, "bad_request")
    assert api.post(path, {"userId": oid("busy")}).status_code == 404
    assert api.post(path, {"userExternalId": "crm/ann?1#%"}).json() == {}
    assert api.post(path, {"userId": oid("ann")}).status_code == 404
    assert api.post(path, {"participantId": oid("group bob")}).json() == {}
    assert api.get(f"/conversations/{oid('group')}/participants").json()["participants"] == []
    left = api.get("/conversations", filter__userId=oid("ann")).json()["conversations"]
    assert oid("group") not in {conversation["id"] for conversation in left}


def test_attachments_are_removed_once(api: Api) -> None:
    """An own upload goes; a second time it is 404; foreign hosts and bodies without mediaUrl are 400."""
    url = f"{api.sandbox.base_url}/media/{APP}/photo one.png"
    assert api.client.get(url).status_code == 200
    assert api.post("/attachments/remove", {"mediaUrl": url}).json() == {}
    assert api.client.get(url).status_code == 404
    assert code(api.post("/attachments/remove", {"mediaUrl": url})) == (404, "not_found")
    for body in ({"mediaUrl": "https://badhost.example/image.png"}, {}):
        assert code(api.post("/attachments/remove", body)) == (400, "bad_request")


def test_uploads_go_with_their_conversation(api: Api) -> None:
    """What a deleted message showed can't be fetched any more."""
    url = f"{api.sandbox.base_url}/media/{APP}/photo one.png"
    api.delete(f"/conversations/{oid('ann-default')}/messages")
    assert api.client.get(url).status_code == 404


def test_client_removal(api: Api) -> None:
    """RemoveClient is 400 for SDK clients, 404 for unknown ones."""
    path = f"/users/{oid('ann')}/clients"
    assert code(api.delete(f"{path}/{oid('sdk')}")) == (400, "bad_request")
    assert code(api.delete(f"{path}/none")) == (404, "client_not_found")
    assert api.delete(f"{path}/{oid('phone')}").json() == {}
    assert len(api.get(path).json()["clients"]) == 1


def test_an_app_can_be_deleted_by_an_account(api: Api) -> None:
    """DeleteApp takes everything, the app's keys included; other apps stay."""
    assert api.delete("").status_code == 403
    with api.as_key("account") as account, api.as_key("app", app_id=OTHER_APP) as other:
        assert account.delete(f"/v2/apps/{APP}").json() == {}
        assert code(account.get(f"/v2/apps/{APP}")) == (404, "app_not_found")
        assert [app["id"] for app in account.get("/v2/apps").json()["apps"]] == [OTHER_APP]
        assert other.get(f"/v2/apps/{OTHER_APP}").status_code == 200
    assert code(api.get("")) == (401, "unauthorized")


def test_a_lost_path_deletes_the_app(api: Api) -> None:
    """`DELETE users/..` with an account's key is DeleteApp: what a careless client does, this server lets it do."""
    with api.as_key("account") as account:
        account.delete(f"/v2/apps/{APP}/users/..")
        assert account.get(f"/v2/apps/{APP}").status_code == 404


def test_deleting_no_user_in_particular_deletes_nobody(api: Api) -> None:
    """`DELETE users/` is no route."""
    assert api.delete("/users/").status_code == 404
    assert api.get(f"/users/{oid('ann')}").status_code == 200


@pytest.mark.parametrize(("groups", "left"), [("keep", 100), ("remove", 50), ("anonymous", 100), ("close", 0)])
def test_what_groups_lose_with_a_user_can_be_decided(api: Api, groups: str, left: int) -> None:
    """The messages of a deleted user in a group stay, go, or lose their author's id; or the group goes."""
    api.sandbox.set_behaviour(delete_user_polls=0, deleted_user_groups=groups)
    api.delete(f"/users/{oid('ann')}")
    messages = api.messages("group").json().get("messages", [])
    assert len(messages) == left
    authors = {message["author"].get("userId") for message in messages}
    ann, bob = oid("ann"), oid("bob")
    assert authors == {"keep": {ann, bob}, "remove": {bob}, "anonymous": {None, bob}, "close": set()}[groups]


def test_copies_in_quotes_outlive_the_message(api: Api) -> None:
    """A message that quotes another one keeps the copy when the quoted one is deleted."""
    quoted = api.messages("group").json()["messages"][10]
    quoting = {"author": {"type": "business"}, "received": "2026-01-03T00:00:00.000Z", "content": {"type": "text"}}
    quoting["quotedMessage"] = {"type": "message", "message": quoted}
    ((added,),) = api.sandbox.change(
        {"op": "add_messages", "app_id": APP, "conversation_id": oid("group"), "messages": [quoting]}
    )
    api.delete(f"/conversations/{oid('group')}/messages/{quoted['id']}")
    messages = {message["id"]: message for message in api.messages("group").json()["messages"]}
    assert quoted["id"] not in messages
    assert messages[added]["quotedMessage"]["message"] == quoted


def test_an_external_id_may_be_read_first(api: Api) -> None:
    """The external id of `liar` is the id of `busy`; which of them the path means can be decided."""
    path = f"/users/{oid('busy')}"
    assert api.get(path).json()["user"]["id"] == oid("busy")
    api.sandbox.set_behaviour(external_id_first=True)
    assert api.get(path).json()["user"]["id"] == oid("liar")
    assert api.get(f"/users/{oid('ann')}").json()["user"]["id"] == oid("ann")


def test_destroying_calls_are_logged_as_they_were_sent(api: Api) -> None:
    """Without being asked to, the server remembers every call that was no GET, with its raw path, until a reset."""
    api.get(f"/users/{oid('ann')}")
    api.delete(f"/users/{oid('ann')}/personalinformation")
    api.delete("/users/")
    api.post(f"/conversations/{oid('group')}/leave", {"userId": oid("ann")})
    app = f"/v2/apps/{APP}"
    assert [(call["target"], call["status"]) for call in api.sandbox.destroying()] == [
        (f"DELETE {app}/users/{oid('ann')}/personalinformation", 200),
        (f"DELETE {app}/users/", 404),
        (f"POST {app}/conversations/{oid('group')}/leave", 200),
    ]
    assert [call["route"] for call in api.sandbox.destroying()][1] == "unknown"
    api.sandbox.reset_stats()
    assert api.sandbox.destroying() == []
