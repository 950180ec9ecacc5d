from __future__ import annotations

import http.client
from urllib.parse import quote

import httpx
import pytest

from tests.unit.sandbox.conftest import APP, Api, oid


def code(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an error."""
    return answer.status_code, answer.json()["errors"][0]["code"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/users/nobody", "user_not_found"),
        ("/users/nobody/clients", "user_not_found"),
        ("/users/nobody/devices", "user_not_found"),
        (f"/users/{oid('ann')}/devices/none", "device_not_found"),
        (f"/conversations?filter[userId]={'c' * 24}", "user_not_found"),
        ("/conversations/none", "conversation_not_found"),
        ("/conversations/none/participants", "conversation_not_found"),
        ("/conversations/none/messages", "not_found"),
        ("/integrations/none", "integration_not_found"),
        ("/integrations/none/webhooks", "integration_not_found"),
        ("/switchboards/none/switchboardIntegrations", "switchboard_not_found"),
        ("/nowhere", "not_found"),
        ("/conversations/a/b/c", "not_found"),
    ],
)
def test_missing_things_have_their_own_code(api: Api, path: str, expected: str) -> None:
    """Each route's 404 carries the code that the specification gives it; messages have a plain `not_found`."""
    assert code(api.get(path)) == (404, expected)


def test_unknown_app_is_not_found_on_every_route(api: Api) -> None:
    """An unknown app is app_not_found, whatever follows it in the path."""
    for path in ("", "/users/x", "/conversations/x/messages", "/integrations"):
        assert code(api.client.get(f"/v2/apps/{'c' * 24}{path}")) == (404, "app_not_found")


def test_single_app_has_its_subdomain(api: Api) -> None:
    """GetApp adds the subdomain."""
    assert api.get("").json()["app"]["subdomain"] == "small"


def test_external_ids_are_decoded_from_the_path(api: Api) -> None:
    """An external id with slash, question mark, hash and percent finds its user when it is percent-encoded."""
    answer = api.get(f"/users/{quote('crm/ann?1#%', safe='')}")
    assert answer.json()["user"]["id"] == oid("ann")


def test_external_ids_are_unique_within_a_brand_only(api: Api) -> None:
    """Without brandId an external id means the user without a brand, with it the brand's own."""
    assert api.get("/users/shared").json()["user"]["id"] == oid("bob")
    assert api.get("/users/shared", brandId="111").json()["user"]["id"] == oid("branded")
    assert api.get("/users/shared", brandId="222").status_code == 404


def test_an_id_beats_an_external_id(api: Api) -> None:
    """Where someone's external id is another one's id, the id wins, as long as its user is there."""
    assert api.get(f"/users/{oid('busy')}").json()["user"]["id"] == oid("busy")
    api.sandbox.change({"op": "delete_user", "app_id": APP, "user_id": oid("busy")})
    assert api.get(f"/users/{oid('busy')}").json()["user"]["id"] == oid("liar")


def test_conversations_need_exactly_one_filter(api: Api) -> None:
    """No filter, both, an unknown, an empty or a repeated one get 400."""
    ann = oid("ann")
    for query in (
        "",
        "?filter[userId]=",
        f"?filter[userId]={ann}&filter[userExternalId]=x",
        f"?filter[userId]={ann}&filter[userId]={ann}",
        f"?filter[email]={ann}",
        f"?filter={ann}",
    ):
        assert code(api.get(f"/conversations{query}")) == (400, "bad_request")


def test_conversations_by_external_id_know_no_brand(api: Api) -> None:
    """ListConversations has no brandId: an external id finds the user without a brand, even with the parameter."""
    answer = api.get("/conversations", filter__userExternalId="shared", brandId="111").json()
    assert {conversation["id"] for conversation in answer["conversations"]} == {oid("bob-default"), oid("group")}
    assert api.get("/conversations", filter__userId="shared").status_code == 404


def test_users_are_found_by_email_identity_only(api: Api) -> None:
    """The filter is required, matches identities within the brand, and never profile.email."""
    assert code(api.get("/users")) == (400, "bad_request")
    assert code(api.get("/users/")) == (400, "bad_request")
    found = api.get("/users", filter__identities__email="ann+a@example.com").json()
    assert [user["id"] for user in found["users"]] == [oid("ann")]
    branded = api.get("/users", filter__identities__email="ann+a@example.com", brandId="111").json()
    assert [user["id"] for user in branded["users"]] == [oid("branded")]
    assert api.get("/users", filter__identities__email="bob@example.com").json() == {"users": []}
    assert api.get("/users?filter[identities.email]=ann+a@example.com").json() == {"users": []}


def test_integrations_can_be_filtered_by_type(api: Api) -> None:
    """filter[types] is a list with commas; another filter is a bad request."""
    listed = api.get("/integrations").json()["integrations"]
    assert [integration["type"] for integration in listed] == ["web", "whatsapp", "custom"]
    some = api.get("/integrations", filter__types="custom,web").json()["integrations"]
    assert [integration["type"] for integration in some] == ["web", "custom"]
    assert api.get("/integrations", filter__kinds="web").status_code == 400
    assert api.get(f"/integrations/{oid('web')}").json()["integration"]["type"] == "web"


def test_webhooks_belong_to_custom_integrations(api: Api) -> None:
    """Webhooks of another kind of integration are forbidden."""
    assert len(api.get(f"/integrations/{oid('custom')}/webhooks").json()["webhooks"]) == 1
    assert code(api.get(f"/integrations/{oid('web')}/webhooks")) == (403, "forbidden")


def test_switchboards_are_not_paged(api: Api) -> None:
    """Switchboards and their integrations come without meta and links."""
    assert set(api.get("/switchboards").json()) == {"switchboards"}
    answer = api.get(f"/switchboards/{oid('board')}/switchboardIntegrations").json()
    assert [item["id"] for item in answer["switchboardIntegrations"]] == [oid("member")]


def test_clients_and_devices_of_a_user(api: Api) -> None:
    """Clients are paged, devices are not, and one device can be read."""
    clients = api.get(f"/users/{oid('ann')}/clients", page__size=1).json()
    assert [client["id"] for client in clients["clients"]] == [oid("sdk")]
    assert clients["meta"]["hasMore"] is True
    devices = api.get(f"/users/{oid('ann')}/devices").json()
    assert set(devices) == {"devices"}
    assert api.get(f"/users/{oid('ann')}/devices/{oid('device')}").json()["device"] == devices["devices"][0]


def test_group_without_participants_is_reached_by_id(api: Api) -> None:
    """A group may have nobody in it, and yet a history."""
    assert api.get(f"/conversations/{oid('orphan')}").json()["conversation"]["type"] == "sdkGroup"
    assert api.get(f"/conversations/{oid('orphan')}/participants").json()["participants"] == []
    assert len(api.messages("orphan").json()["messages"]) == 100


def test_private_media_needs_the_key(api: Api) -> None:
    """A media URL leads to this server, which answers with the key only."""
    first = api.messages("bob-default").json()["messages"]
    url = api.messages("ann-default", page__before=f"{10:06x}{oid('ann-default')[:18]}").json()["messages"][3][
        "content"
    ]["mediaUrl"]
    assert first
    assert url.startswith(f"{api.sandbox.base_url}/media/{APP}/")
    answer = api.client.get(url)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert httpx.get(url).status_code == 401


def test_dot_segments_are_resolved(api: Api) -> None:
    """`users/..` is the app, encoded or not: a client that sends it has lost its path."""
    key = api.sandbox.key("app", app_id=APP)
    header = {"Authorization": httpx.BasicAuth(key.id, key.secret)._auth_header}
    for tail in ("users/..", "users/%2e%2E", "users/./../", "conversations/x/../.."):
        connection = http.client.HTTPConnection(api.sandbox.base_url.removeprefix("http://"))
        connection.request("GET", f"/v2/apps/{APP}/{tail}", headers=header)
        assert b'"subdomain":"small"' in connection.getresponse().read()
        connection.close()


def test_unknown_methods_are_not_found(api: Api) -> None:
    """What the sandbox does not offer is a 404 with a JSON body."""
    assert code(api.client.put(f"/v2/apps/{APP}/users/x", json={})) == (404, "not_found")


def test_gzip_is_given_to_those_who_ask(api: Api) -> None:
    """With gzip on, a page is compressed for clients that accept it, and plain for the others."""
    plain = api.messages("group")
    assert "content-encoding" not in plain.headers
    api.sandbox.set_behaviour(gzip=True)
    packed = api.messages("group")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json() == plain.json()
    refused = api.client.get(plain.url, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in refused.headers
