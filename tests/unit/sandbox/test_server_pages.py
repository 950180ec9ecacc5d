from __future__ import annotations

import http.client
import json
from typing import Any

import httpx
import pytest

from tests.unit.sandbox.conftest import APP, Api, Json, oid


def texts(answer: httpx.Response) -> list[str]:
    """What the messages of a page say."""
    return [message["content"].get("text", "image") for message in answer.json()["messages"]]


def walk_back(api: Api, conversation: str) -> list[list[Json]]:
    """All pages of a history, as an exporter reads them."""
    answer = api.messages(conversation).json()
    pages = [answer["messages"]]
    while answer["meta"]["hasMore"]:
        answer = api.messages(conversation, page__before=answer["meta"]["beforeCursor"]).json()
        pages.append(answer["messages"])
    return pages


def test_messages_come_newest_page_first(api: Api) -> None:
    """Without a cursor the newest 100 come, ascending inside the page, with a way back and none forward."""
    answer = api.messages("ann-default").json()
    assert len(answer["messages"]) == 100
    assert answer["messages"][-1]["content"]["text"] == "ann-default 249"
    assert answer["messages"][0]["content"]["text"] == "ann-default 150"
    oldest = answer["messages"][0]["id"]
    assert answer["meta"] == {"hasMore": True, "beforeCursor": oldest}
    path = f"{api.sandbox.base_url}/v2/apps/{APP}/conversations/{oid('ann-default')}/messages"
    assert answer["links"] == {"prev": f"{path}?page[before]={oldest}"}


def test_walking_back_reaches_every_message_once(api: Api) -> None:
    """Following beforeCursor yields the whole history; the last page has no beforeCursor, but an afterCursor."""
    pages = walk_back(api, "ann-default")
    assert [len(page) for page in pages] == [100, 100, 50]
    ids = [message["id"] for page in reversed(pages) for message in page]
    assert ids == sorted(ids)
    assert len(set(ids)) == 250
    last = api.messages("ann-default", page__before=pages[1][0]["id"]).json()
    assert last["meta"] == {"hasMore": False, "afterCursor": pages[2][-1]["id"]}
    assert list(last["links"]) == ["next"]


def test_after_reads_forward_from_a_record(api: Api) -> None:
    """page[after] gives the 100 oldest of the newer messages, and hasMore looks forward."""
    first = walk_back(api, "ann-default")[-1][9]["id"]
    answer = api.messages("ann-default", page__after=first)
    assert (texts(answer)[0], texts(answer)[-1]) == ("ann-default 10", "ann-default 109")
    assert answer.json()["meta"]["hasMore"] is True
    newest = api.messages("ann-default").json()["messages"][-1]["id"]
    end = api.messages("ann-default", page__after=newest).json()
    assert (end["messages"], end["meta"], end["links"]) == ([], {"hasMore": False}, {})


def test_exactly_full_page_has_no_more(api: Api) -> None:
    """A conversation of exactly 100 messages is one page, one of 101 has a second page of one."""
    assert api.messages("group").json()["meta"] == {"hasMore": False}
    assert [len(page) for page in walk_back(api, "orphan")] == [100, 1]


def test_message_page_size_is_fixed(api: Api) -> None:
    """page[size] does not apply to messages, not even a senseless one."""
    for size in ("5", "1000", "x"):
        assert len(api.messages("ann-default", page__size=size).json()["messages"]) == 100


def test_lists_go_forward_by_25(api: Api) -> None:
    """Other lists begin at the start; cursors and links exist only where a page exists, and links keep the filter."""
    busy = oid("busy")
    first = api.get("/conversations", filter__userId=busy).json()
    ids = [conversation["id"] for conversation in first["conversations"]]
    assert ids == [oid(f"busy-{place}") for place in range(25)]
    assert first["meta"] == {"hasMore": True, "afterCursor": ids[-1]}
    assert first["links"] == {
        "next": f"{api.sandbox.base_url}/v2/apps/{APP}/conversations?page[after]={ids[-1]}&filter[userId]={busy}"
    }
    second = api.client.get(first["links"]["next"]).json()
    assert set(second["meta"]) == {"hasMore", "afterCursor", "beforeCursor"}
    last = api.client.get(second["links"]["next"]).json()
    assert len(last["conversations"]) == 10
    assert set(last["meta"]) == {"hasMore", "beforeCursor"}
    back = api.client.get(last["links"]["prev"]).json()
    assert back["conversations"] == second["conversations"]


@pytest.mark.parametrize("size", [1, 7, 100])
def test_page_size_is_kept(api: Api, size: int) -> None:
    """Sizes from 1 to 100 are obeyed."""
    answer = api.get("/conversations", filter__userId=oid("busy"), page__size=size).json()
    assert len(answer["conversations"]) == min(size, 60)


@pytest.mark.parametrize(
    "params",
    [
        {"page__size": "0"},
        {"page__size": "101"},
        {"page__size": "-1"},
        {"page__size": "2.5"},
        {"page__size": ""},
        {"page__size": "²"},
        {"page__size": "0000025x"},
        {"page__after": "short"},
        {"page__before": "x" * 25},
        {"page__after": "c" * 24},
        {"page__after": oid("busy-1"), "page__before": oid("busy-3")},
        {"page__limit": "3"},
        {"page": '{"size":2}'},
    ],
)
def test_bad_page_queries_are_refused(api: Api, params: dict[str, Any]) -> None:
    """Sizes outside 1..100, cursors that are no ids of this list, both cursors and unknown members get 400."""
    answer = api.get("/conversations", filter__userId=oid("busy"), **params)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "bad_request")


def test_bad_message_cursors_are_refused(api: Api) -> None:
    """Messages refuse malformed cursors, both at once, and the cursor of another conversation."""
    mine = api.messages("ann-default").json()["messages"][0]["id"]
    for params in ({"page__before": "x"}, {"page__before": mine, "page__after": mine}):
        assert api.messages("ann-default", **params).status_code == 400
    assert api.messages("group", page__before=mine).status_code == 400


def test_brackets_may_be_literal_or_encoded(api: Api) -> None:
    """`page[size]` and `page%5Bsize%5D` mean the same."""
    key = api.sandbox.key("app", app_id=APP)
    header = {"Authorization": httpx.BasicAuth(key.id, key.secret)._auth_header}
    bodies = []
    for query in ("page[size]=2&filter[userId]=", "page%5Bsize%5D=2&filter%5BuserId%5D="):
        connection = http.client.HTTPConnection(api.sandbox.base_url.removeprefix("http://"))
        connection.request("GET", f"/v2/apps/{APP}/conversations?{query}{oid('busy')}", headers=header)
        bodies.append(json.load(connection.getresponse()))
        connection.close()
    assert bodies[0] == bodies[1]
    assert len(bodies[0]["conversations"]) == 2


def test_cursor_of_a_deleted_record_works_by_position(api: Api) -> None:
    """A history whose cursor record was deleted goes on where it was; the gap is not shown."""
    cursor = api.messages("ann-default").json()["meta"]["beforeCursor"]
    expected = api.messages("ann-default", page__before=cursor).json()["messages"]
    api.sandbox.change(
        {"op": "delete_message", "conversation_id": oid("ann-default"), "message_id": cursor, "app_id": APP}
    )
    answer = api.messages("ann-default", page__before=cursor).json()
    assert answer["messages"] == expected
    assert answer["meta"]["afterCursor"] == expected[-1]["id"]
    assert len([message for page in walk_back(api, "ann-default") for message in page]) == 249


def test_cursor_of_a_deleted_record_may_be_refused(api: Api) -> None:
    """With deleted_cursor=refuse the same cursor is a bad request."""
    cursor = api.messages("ann-default").json()["meta"]["beforeCursor"]
    api.sandbox.set_behaviour(deleted_cursor="refuse")
    assert api.messages("ann-default", page__before=cursor).status_code == 200
    api.sandbox.change(
        {"op": "delete_message", "conversation_id": oid("ann-default"), "message_id": cursor, "app_id": APP}
    )
    assert api.messages("ann-default", page__before=cursor).status_code == 400


def test_sparse_meta_leaves_out_what_says_nothing(api: Api) -> None:
    """With sparse_meta a list of one page comes without meta and links, as in the official examples."""
    api.sandbox.set_behaviour(sparse_meta=True)
    assert set(api.messages("group").json()) == {"messages"}
    assert set(api.messages("orphan").json()) == {"messages", "meta", "links"}


def test_links_may_name_another_host(api: Api) -> None:
    """With link_base the links lead elsewhere, and the cursors are still right."""
    api.sandbox.set_behaviour(link_base="https://elsewhere.example")
    assert api.messages("orphan").json()["links"]["prev"].startswith("https://elsewhere.example/v2/apps/")
