from __future__ import annotations

import time
from typing import Any

import httpx
import jwt
import pytest

from tests.unit.sandbox.conftest import APP, OTHER_APP, Api, oid


def ask(api: Api, authorization: str | None, path: str = f"/v2/apps/{APP}") -> httpx.Response:
    """GET with a header made by hand."""
    headers = {} if authorization is None else {"Authorization": authorization}
    return httpx.get(f"{api.sandbox.base_url}{path}", headers=headers)


def token(api: Api, *, scope: str = "app", claims: dict[str, Any] | None = None, **overrides: Any) -> str:
    """A Bearer header signed with one of the app's keys."""
    key = api.sandbox.key(scope, app_id=APP)
    settings = {"key": key.secret, "algorithm": "HS256", "headers": {"kid": key.id}} | overrides
    return "Bearer " + jwt.encode({"scope": scope} if claims is None else claims, **settings)


def test_no_key_is_unauthorized(api: Api) -> None:
    """A call without Authorization gets 401 with the documented body."""
    answer = ask(api, None)
    assert answer.status_code == 401
    assert answer.json() == {"errors": [{"code": "unauthorized", "title": "Authorization is required"}]}


@pytest.mark.parametrize("header", ["Basic !!!", "Basic YXBwXzE6eA==", "Bearer x.y.z", "Digest a", "Bearer"])
def test_unknown_credentials_are_unauthorized(api: Api, header: str) -> None:
    """What is no valid key or token gets 401."""
    assert ask(api, header).status_code == 401


def test_wrong_secret_is_unauthorized(api: Api) -> None:
    """The right key id with a wrong secret gets 401."""
    key = api.sandbox.key("app", app_id=APP)
    answer = httpx.get(f"{api.sandbox.base_url}/v2/apps/{APP}", auth=(key.id, key.secret + "x"))
    assert answer.status_code == 401


def test_basic_scheme_is_case_insensitive(api: Api) -> None:
    """`basic` works like `Basic`, as HTTP says."""
    key = api.sandbox.key("app", app_id=APP)
    header = httpx.BasicAuth(key.id, key.secret)._auth_header
    assert ask(api, header.replace("Basic", "basic")).status_code == 200


@pytest.mark.parametrize("scope", ["app", "account"])
def test_signed_token_is_accepted(api: Api, scope: str) -> None:
    """An HS256 token with kid and the key's own scope is a key."""
    header = token(api, scope=scope)
    assert ask(api, header).status_code == 200
    assert ask(api, header).status_code == 200


def test_token_expires(api: Api) -> None:
    """`exp` is optional, but honoured, also for a token that was accepted before."""
    now = int(time.time())
    assert ask(api, token(api, claims={"scope": "app", "exp": now - 5})).status_code == 401
    assert ask(api, token(api, claims={"scope": "app", "exp": now + 60})).status_code == 200
    short = token(api, claims={"scope": "app", "exp": now + 3})
    assert ask(api, short).status_code == 200
    while time.time() < now + 3:
        time.sleep(0.05)
    assert ask(api, short).status_code == 401


@pytest.mark.parametrize("claims", [{"scope": "account"}, {"scope": "user"}, {}])
def test_scope_claim_must_match_the_key(api: Api, claims: dict[str, str]) -> None:
    """A token that claims more than its key, `user`, or nothing gets 401."""
    assert ask(api, token(api, claims=claims)).status_code == 401


def test_unsigned_and_misnamed_tokens_are_refused(api: Api) -> None:
    """No signature, another algorithm, a foreign secret, no kid: 401."""
    key = api.sandbox.key("app", app_id=APP)
    assert ask(api, token(api, key=None, algorithm="none")).status_code == 401
    assert ask(api, token(api, key=key.secret * 2, algorithm="HS512")).status_code == 401
    assert ask(api, token(api, key="x" * 40)).status_code == 401
    assert ask(api, token(api, headers={})).status_code == 401


def test_app_key_is_bound_to_its_app(api: Api) -> None:
    """Another app of the account is 403 for an app's key, an unknown app 404; an account's key reads both."""
    assert api.client.get(f"/v2/apps/{OTHER_APP}").json()["errors"][0]["code"] == "forbidden"
    unknown = api.client.get(f"/v2/apps/{'c' * 24}")
    assert (unknown.status_code, unknown.json()["errors"][0]["code"]) == (404, "app_not_found")
    with api.as_key("account") as account:
        assert account.get(f"/v2/apps/{OTHER_APP}").status_code == 200
        assert [app["id"] for app in account.get("/v2/apps").json()["apps"]] == [APP, OTHER_APP]


def test_apps_are_listed_for_accounts_only(api: Api) -> None:
    """ListApps is 403 for app and integration keys, and leaves the subdomain out."""
    assert api.client.get("/v2/apps").status_code == 403
    with api.as_key("account") as account:
        answer = account.get("/v2/apps")
        assert all("subdomain" not in app for app in answer.json()["apps"])
        assert account.get("/v2/apps?filter[serviceAccountId]=x").status_code == 403


def test_integration_key_reaches_users_and_conversations_only(api: Api) -> None:
    """The integration scope has no apps, integrations or switchboards."""
    with api.as_key("integration") as client:
        base = f"/v2/apps/{APP}"
        for path in ("", "/integrations", f"/integrations/{oid('custom')}", "/switchboards"):
            assert client.get(base + path).status_code == 403
        for path in (f"/users/{oid('ann')}", f"/conversations/{oid('group')}", f"/users/{oid('ann')}/clients"):
            assert client.get(base + path).status_code == 200


def test_integration_key_reads_its_own_webhooks_only(api: Api) -> None:
    """`me` and the own id answer, another integration is 403; `me` means nothing for an app's key."""
    path = f"/v2/apps/{APP}/integrations/{{}}/webhooks"
    with api.as_key("integration") as client:
        own = client.get(path.format("me"))
        assert own.json() == client.get(path.format(oid("custom"))).json()
        assert [webhook["id"] for webhook in own.json()["webhooks"]] == [oid("hook")]
        assert client.get(path.format(oid("web"))).status_code == 403
    assert api.client.get(path.format("me")).json()["errors"][0]["code"] == "integration_not_found"


def test_token_info_names_the_app_of_the_key(api: Api) -> None:
    """GetTokenInfo answers app and integration keys; an account key has no app."""
    assert api.client.get("/v2/tokenInfo").json()["app"]["subdomain"] == "small"
    for scope, status in (("integration", 200), ("account", 403)):
        with api.as_key(scope) as client:
            assert client.get("/v2/tokenInfo").status_code == status
