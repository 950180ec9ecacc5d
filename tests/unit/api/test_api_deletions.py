from __future__ import annotations

import dataclasses
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.api import deletions
from pipeline.api.deletions import DELETIONS, Deletion, DeletionRoute, is_id
from pipeline.errors import BadRequestError

APP, USER, TALK, SAID = "a" * 24, "b" * 24, "c" * 24, "d" * 24
IDS = {"appId": APP, "userId": USER, "conversationId": TALK, "messageId": SAID}
URL = "https://media.smooch.io/a/b%20c.png"


def ids_of(route: DeletionRoute) -> dict[str, str]:
    """An id for each placeholder."""
    return {name: IDS[name] for name in route.placeholders}


def value_of(route: DeletionRoute) -> str | None:
    """A value for the body."""
    return {"userId": USER, "mediaUrl": URL, None: None}[route.takes]


def test_the_allow_list_is_the_one_of_the_specification() -> None:
    """Seven calls; above all, none that ends at the app or at the list of users."""
    assert {route.name for route in DELETIONS} == {
        "POST /v2/apps/{appId}/attachments/remove",
        "POST /v2/apps/{appId}/conversations/{conversationId}/leave",
        "DELETE /v2/apps/{appId}/conversations/{conversationId}",
        "DELETE /v2/apps/{appId}/conversations/{conversationId}/messages",
        "DELETE /v2/apps/{appId}/conversations/{conversationId}/messages/{messageId}",
        "DELETE /v2/apps/{appId}/users/{userId}",
        "DELETE /v2/apps/{appId}/users/{userId}/personalinformation",
    }


def test_no_key_of_an_account_is_wanted() -> None:
    """What an account's key may do here, one of the app may do as well."""
    assert all(route.scopes == {"app", "integration"} for route in DELETIONS)


@pytest.mark.parametrize("route", DELETIONS, ids=lambda route: route.name)
def test_targets_and_bodies(route: DeletionRoute) -> None:
    """The path is the template with the ids in it, below the prefix; a body has exactly the one member."""
    deletion = Deletion(route, ids_of(route), value_of(route))
    path = re.sub(r"\{(\w+)\}", lambda place: IDS[place[1]], route.template)
    assert deletion.target(prefix="/sc") == b"/sc" + path.encode()
    body = deletion.body()
    assert (None if body is None else json.loads(body)) == (route.takes and {route.takes: value_of(route)})


def test_the_functions_make_the_calls() -> None:
    """There is one function for each call of the list."""
    made = [
        deletions.remove_attachment(APP, URL),
        deletions.delete_message(APP, TALK, SAID),
        deletions.leave_conversation(APP, TALK, USER),
        deletions.delete_conversation(APP, TALK),
        deletions.delete_messages(APP, TALK),
        deletions.delete_personal_information(APP, USER),
        deletions.delete_user(APP, USER),
    ]
    assert [deletion.route for deletion in made] == list(DELETIONS)
    assert made[1].target(prefix="") == f"/v2/apps/{APP}/conversations/{TALK}/messages/{SAID}".encode()
    assert made[-1].target(prefix="") == f"/v2/apps/{APP}/users/{USER}".encode()


@pytest.mark.parametrize("route", DELETIONS, ids=lambda route: route.name)
@given(value=st.one_of(st.text(), st.sampled_from(["..", ".", "%2e%2e", "a/b", "A" * 24, f"{USER}\n", f"{USER}/"])))
def test_only_ids_enter_a_path(route: DeletionRoute, value: str) -> None:
    """Whatever stands in the place of any id is refused unless it is 24 hexadecimal digits; it is not shown."""
    for name in route.placeholders:
        if not re.fullmatch("[0-9a-f]{24}", value):
            with pytest.raises(BadRequestError, match="refused: an id is no id of 24 hexadecimal digits") as caught:
                Deletion(route, ids_of(route) | {name: value}, value_of(route))
            assert str(caught.value) == f"{route.name}: refused: an id is no id of 24 hexadecimal digits"


@pytest.mark.parametrize("value", ["", "..", "x", "a\nb", "ftp://host/x", "https://", "https://host/\n"])
def test_bodies_take_ids_and_urls_only(value: str) -> None:
    """A body can't say anything else than whom or which upload."""
    with pytest.raises(BadRequestError, match="refused"):
        deletions.remove_attachment(APP, value)
    with pytest.raises(BadRequestError, match="refused"):
        deletions.leave_conversation(APP, TALK, value)


def test_a_route_of_ones_own_is_refused() -> None:
    """A route that is not on the list can't become a call, even if it looks like one that is."""
    whole_app = DeletionRoute(method="DELETE", template="/v2/apps/{appId}")
    copy = dataclasses.replace(deletions.DELETE_USER)
    for route, ids in ((whole_app, {"appId": APP}), (copy, {"appId": APP, "userId": USER})):
        with pytest.raises(ValueError, match="not on the allow-list"):
            Deletion(route, ids)


@pytest.mark.parametrize("ids", [{}, {"appId": APP}, {"appId": APP, "userId": USER, "messageId": SAID}])
def test_ids_must_be_those_of_the_route(ids: dict[str, str]) -> None:
    """One id too few or too many is a mistake of the program."""
    with pytest.raises(ValueError, match="takes other ids"):
        Deletion(deletions.DELETE_USER, ids)


def test_a_body_must_be_there_where_it_belongs() -> None:
    """A value where none is taken, or none where one is, is a mistake of the program."""
    with pytest.raises(ValueError, match="or another body"):
        Deletion(deletions.DELETE_USER, {"appId": APP, "userId": USER}, URL)
    with pytest.raises(ValueError, match="or another body"):
        Deletion(deletions.REMOVE_ATTACHMENT, {"appId": APP})


def test_a_checked_call_does_not_change_with_what_it_was_made_of() -> None:
    """The ids are copied, and can't be changed afterwards."""
    ids = {"appId": APP, "userId": USER}
    deletion = Deletion(deletions.DELETE_USER, ids)
    ids["userId"] = ".."
    assert deletion.target(prefix="").endswith(USER.encode())
    with pytest.raises(TypeError):
        deletion.ids["userId"] = ".."  # type: ignore[index] # that is the point
    with pytest.raises(dataclasses.FrozenInstanceError):
        deletion.ids = ids  # type: ignore[misc] # likewise


def test_nothing_of_a_person_is_shown() -> None:
    """The representation of a call names the route only."""
    shown = repr(deletions.leave_conversation(APP, TALK, USER)) + repr(deletions.remove_attachment(APP, URL))
    assert not any(value in shown for value in (*IDS.values(), URL))


def test_ids() -> None:
    """Ids are lower-case hexadecimal, 24 digits, and nothing around them."""
    assert is_id("0123456789abcdef01234567")
    assert not any(map(is_id, ["", "0" * 23, "0" * 25, "G" * 24, "A" * 24, "0" * 24 + "\n", " " + "0" * 24]))
