from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from pipeline.errors import SunlakeError
from tests.unit.sandbox.conftest import APP, Api, oid

MESSAGES = "GET /v2/apps/{appId}/conversations/{conversationId}/messages"
USER = "GET /v2/apps/{appId}/users/{userIdOrExternalId}"


def statuses(api: Api, count: int) -> list[int]:
    """The statuses of so many equal calls."""
    return [api.messages("group").status_code for _ in range(count)]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_errors_come_as_json(api: Api, status: int) -> None:
    """A status fault answers with that status and an errors body."""
    api.sandbox.set_faults({"kind": "status", "status": status})
    answer = api.messages("group")
    assert answer.status_code == status
    assert answer.json()["errors"]


def test_html_pages_come_with_any_status(api: Api) -> None:
    """An HTML body comes with 502, and also with 200."""
    for status in (502, 200):
        api.sandbox.set_faults({"kind": "status", "status": status, "body": "html"})
        answer = api.messages("group")
        assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
        assert answer.text.startswith("<!DOCTYPE html>")


def test_empty_answers(api: Api) -> None:
    """200 with nothing in it."""
    api.sandbox.set_faults({"kind": "status", "status": 200, "body": "empty"})
    answer = api.messages("group")
    assert (answer.status_code, answer.content) == (200, b"")


def test_rules_begin_end_and_choose(api: Api) -> None:
    """`after` lets calls pass, `times` ends the rule, `route` and `app_id` choose."""
    api.sandbox.set_faults({"kind": "status", "after": 2, "times": 2, "route": MESSAGES, "app_id": APP})
    assert api.get(f"/users/{oid('ann')}").status_code == 200
    assert statuses(api, 6) == [200, 200, 503, 503, 200, 200]
    api.sandbox.set_faults({"kind": "status", "app_id": "b" * 24})
    assert statuses(api, 1) == [200]


def test_chance_is_seeded(api: Api) -> None:
    """A probability hits the same calls each time the faults are set, and about as many as it says."""
    rule = {"kind": "status", "probability": 0.3}
    api.sandbox.set_faults(rule)
    first = statuses(api, 60)
    api.sandbox.set_faults(rule)
    assert statuses(api, 60) == first
    assert 5 < first.count(503) < 35


def test_truncated_json_is_complete_http(api: Api) -> None:
    """Half of the JSON arrives in a well-formed answer."""
    whole = api.messages("group").content
    api.sandbox.set_faults({"kind": "truncate"})
    assert api.messages("group").content == whole[: len(whole) // 2]


def test_connection_breaks_in_mid_body(api: Api) -> None:
    """A reset is a transport error for the client, and the next call works."""
    api.sandbox.set_faults({"kind": "reset", "times": 1})
    with pytest.raises(httpx.TransportError):
        api.messages("group")
    assert api.messages("group").status_code == 200
    assert api.sandbox.stats()["answered"][MESSAGES] == 1


def test_slow_answers_take_their_time(api: Api) -> None:
    """Latencies add up, and calls wait side by side."""
    api.sandbox.set_faults({"kind": "slow", "latency_ms": 60}, {"kind": "slow", "latency_ms": 40, "jitter_ms": 5})
    start = time.monotonic()
    assert api.messages("group").status_code == 200
    assert time.monotonic() - start >= 0.1


def test_hanging_calls_are_never_answered(api: Api) -> None:
    """The client has to give up; the server notices and goes on."""
    api.sandbox.set_faults({"kind": "hang", "times": 1})
    with pytest.raises(httpx.ReadTimeout):
        api.client.get(f"/v2/apps/{APP}", timeout=0.1)
    assert api.get("").status_code == 200
    while api.sandbox.stats()["in_flight"]:
        time.sleep(0.01)


def test_revoked_keys_and_missing_scopes(api: Api) -> None:
    """From the given call on everything is 401, or 403 on one route."""
    api.sandbox.set_faults({"kind": "revoked", "after": 1}, {"kind": "forbidden", "route": USER})
    assert api.get("").status_code == 200
    assert [api.get("").status_code for _ in range(2)] == [401, 401]
    api.sandbox.set_faults({"kind": "forbidden", "route": USER})
    answer = api.get(f"/users/{oid('ann')}")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "forbidden")
    assert api.get("").status_code == 200


def test_looping_pages_name_their_own_cursor(api: Api) -> None:
    """Only calls with a cursor are met: such a page leads to itself, in its own direction."""
    api.sandbox.set_faults({"kind": "loop"})
    first = api.messages("orphan").json()["meta"]["beforeCursor"]
    again = api.messages("orphan", page__before=first).json()
    assert (again["meta"]["hasMore"], again["meta"]["beforeCursor"]) == (True, first)
    assert again["links"]["prev"].endswith(f"page[before]={first}")
    forward = api.get("/conversations", filter__userId=oid("busy"), page__after=oid("busy-59")).json()
    assert forward["meta"] == {"hasMore": True, "afterCursor": oid("busy-59")}


def test_shuffled_pages_hold_the_same_messages(api: Api) -> None:
    """Disorder inside a page changes nothing but the order."""
    straight = api.messages("group").json()
    api.sandbox.set_faults({"kind": "shuffle"})
    shuffled = api.messages("group").json()
    assert shuffled["messages"] != straight["messages"]
    assert sorted(shuffled["messages"], key=lambda m: str(m["id"])) == straight["messages"]
    assert shuffled["meta"] == straight["meta"]
    assert api.get("").status_code == 200


def test_calls_may_take_effect_although_they_fail(api: Api) -> None:
    """With `executed` a DELETE that answers 503 or nothing has happened; without it has not."""
    path = f"/conversations/{oid('group')}"
    api.sandbox.set_faults({"kind": "status", "times": 1})
    assert api.delete(path).status_code == 503
    assert api.get(path).status_code == 200
    api.sandbox.set_faults({"kind": "hang", "executed": True, "times": 1})
    with pytest.raises(httpx.ReadTimeout):
        api.client.delete(f"/v2/apps/{APP}{path}", timeout=0.1)
    assert api.get(path).status_code == 404
    api.sandbox.set_faults({"kind": "status", "executed": True, "times": 1})
    assert api.delete(f"/conversations/{oid('ann-empty')}").status_code == 503
    assert api.get(f"/conversations/{oid('ann-empty')}").status_code == 404


def test_rate_limit_empties_and_fills_a_bucket(api: Api) -> None:
    """`capacity` calls pass at once, then 429 with seconds in Retry-After; after that wait calls pass again."""
    api.sandbox.set_faults({"kind": "rate_limit", "rate": 1, "capacity": 3})
    answers = [api.get("") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].headers["retry-after"] == "1"
    assert answers[-1].json()["errors"][0]["code"] == "too_many_requests"
    time.sleep(1.05)
    assert api.get("").status_code == 200
    stats = api.sandbox.stats()
    assert (stats["rejected"], stats["violations"]) == (1, 0)


def test_retry_after_may_be_a_date_or_absent(api: Api) -> None:
    """The wait is told as an HTTP date, or not at all."""
    api.sandbox.set_faults({"kind": "rate_limit", "rate": 0.5, "capacity": 1, "retry_after": "date"})
    api.get("")
    moment = parsedate_to_datetime(api.get("").headers["retry-after"]).timestamp()
    assert 0 < moment - time.time() < 4
    api.sandbox.set_faults({"kind": "rate_limit", "rate": 0.5, "capacity": 1, "retry_after": "absent"})
    api.get("")
    refused = api.get("")
    assert (refused.status_code, "retry-after" in refused.headers) == (429, False)


def test_calls_before_a_promised_wait_is_over_are_counted(api: Api) -> None:
    """Only calls that come after the grace time and before the promised moment are violations, whatever they get."""
    limit = {"kind": "rate_limit", "rate": 0.01, "capacity": 1}
    api.sandbox.set_faults(limit | {"grace_ms": 60_000})
    assert [api.get("").status_code for _ in range(3)] == [200, 429, 429]
    assert api.sandbox.stats()["violations"] == 0
    api.sandbox.set_faults(limit | {"grace_ms": 0})
    assert [api.get("").status_code for _ in range(3)] == [200, 429, 429]
    assert api.sandbox.stats()["violations"] == 1
    api.sandbox.reset_stats()
    assert api.sandbox.stats()["violations"] == 0


def test_buckets_belong_to_keys_or_to_the_server(api: Api) -> None:
    """Each key has a bucket of its own unless the rule says that they share one."""
    limit: dict[str, Any] = {"kind": "rate_limit", "rate": 0.1, "capacity": 1}
    with api.as_key("account") as account:
        for per, expected in (("key", 200), ("app", 429), ("server", 429)):
            api.sandbox.set_faults(limit | {"per": per})
            assert api.get("").status_code == 200
            assert account.get(f"/v2/apps/{APP}").status_code == expected


def test_faults_compose(api: Api) -> None:
    """Rules act together, and the first that replaces the answer ends the trial."""
    api.sandbox.set_faults({"kind": "shuffle"}, {"kind": "status", "times": 1}, {"kind": "truncate", "after": 1})
    answers = [api.messages("group") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 200, 200]
    lengths = [len(answer.content) for answer in answers[1:]]
    assert lengths[1] == lengths[0] // 2


def test_wrong_rules_are_refused(api: Api) -> None:
    """Unknown kinds, options, values and routes are named, and the faults in force stay."""
    api.sandbox.set_faults({"kind": "status", "status": 500})
    for wrong in (
        {"kind": "x"},
        {"kind": "status", "code": 1},
        {"kind": "slow", "latency_ms": -1},
        {"kind": "hang", "route": "GET /"},
    ):
        with pytest.raises(SunlakeError, match="refused faults"):
            api.sandbox.set_faults(wrong)
    assert statuses(api, 1) == [500]
    api.sandbox.set_faults()
    assert statuses(api, 1) == [200]
