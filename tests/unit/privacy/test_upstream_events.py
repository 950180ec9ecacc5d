from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.privacy.upstream.events import removed_user

PAYLOAD = {"user": {"id": "6748e3ae32378e732938e031", "externalId": "abc123", "authenticated": True}}


@pytest.mark.parametrize("name", ["user:remove", "user:delete"])
def test_both_names_of_the_event_are_known(name: str) -> None:
    """The event is recognised by either name, with its payload as an object or as the lake's JSON text."""
    assert removed_user(name, PAYLOAD) == "6748e3ae32378e732938e031"
    assert removed_user(name, json.dumps(PAYLOAD)) == "6748e3ae32378e732938e031"


@pytest.mark.parametrize("name", [None, "", "user:update", "user:merge", "conversation:remove", "client:remove"])
def test_other_events_say_nothing(name: str | None) -> None:
    """Nobody is gone because a client or a conversation is."""
    assert removed_user(name, PAYLOAD) is None


@pytest.mark.parametrize("payload", [None, "", "{", "[]", "null", {}, {"user": None}, {"user": {"id": 7}}])
def test_a_payload_without_a_user_says_nothing(payload: object) -> None:
    """A broken payload is no error: the receiver must not fail on it."""
    assert removed_user("user:remove", payload) is None  # type: ignore[arg-type] # of any kind, as it may arrive


@given(st.text())
def test_any_text_is_harmless(text: str) -> None:
    """Whatever stands in the lake's column, the answer is an id or nothing."""
    found = removed_user("user:delete", text)
    assert found is None or found in text
