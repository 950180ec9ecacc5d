"""Every answer of the sandbox is what the vendor's specification says it is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml

from pipeline.sandbox.router import ROUTES
from tests.forked import Sandbox

SPEC = Path(__file__).resolve().parents[2].parent / "shared" / "openapi.yaml"
SCHEMAS = "#/components/schemas/"
BASE = "~base"
APP = "/v2/apps/{appId}"
USER = f"{APP}/users/{{userIdOrExternalId}}"
CONVERSATION = f"{APP}/conversations/{{conversationId}}"
NOWHERE = "f" * 24
UNDOCUMENTED_ERRORS = {400, 401, 403, 404}
Json = dict[str, Any]

if not SPEC.exists():
    pytest.skip(f"{SPEC} is missing: these tests need the vendor's specification there", allow_module_level=True)


class Specification:
    """The vendor's OpenAPI 3.0 document, as JSON Schema of answers."""

    def __init__(self) -> None:
        document = yaml.load(SPEC.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self.paths: Json = document["paths"]
        originals: Json = document["components"]["schemas"]
        schemas = {name: converted(schema) for name, schema in originals.items()}
        for name, schema in originals.items():
            if "discriminator" in schema and "oneOf" not in schema:
                split_base(schemas, name, schema["discriminator"]["mapping"])
        self.schemas = {"components": {"schemas": schemas}}

    def check(self, answer: httpx.Response, template: str) -> None:
        """Fail where an answer is not what its operation documents."""
        documented = self.paths[template][answer.request.method.lower()]["responses"].get(str(answer.status_code))
        if documented is None:
            assert answer.status_code in UNDOCUMENTED_ERRORS
            schema: Json = {"$ref": f"{SCHEMAS}errorResponse"}
        else:
            schema = converted(documented["content"]["application/json"]["schema"])
        jsonschema.Draft202012Validator(self.schemas | schema).validate(answer.json())
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        if answer.is_error:
            assert [set(error) for error in answer.json()["errors"]] == [{"code", "title"}]


def converted(schema: Any) -> Any:
    """OpenAPI 3.0 to JSON Schema: `nullable`, discriminators, and what is writeOnly neither comes nor is missed."""
    if isinstance(schema, list):
        return [converted(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {name: converted(value) for name, value in schema.items() if name not in {"nullable", "example"}}
    if "discriminator" in schema and "oneOf" in schema:
        del result["oneOf"]
        members = {member["$ref"].removeprefix(SCHEMAS): member["$ref"] for member in schema["oneOf"]}
        mapping = schema["discriminator"].get("mapping", members)
        result |= {"required": ["type"], "properties": {"type": {"enum": list(mapping)}}, "allOf": choices(mapping)}
    if isinstance(schema.get("properties"), dict) and schema.get("type", "object") == "object":
        hidden = {name for name, value in schema["properties"].items() if value.get("writeOnly")}
        result["properties"] |= dict.fromkeys(hidden, False)
        result["required"] = [name for name in schema.get("required", ()) if name not in hidden]
    if schema.get("nullable"):
        return {"anyOf": [result, {"type": "null"}]}
    return {"allOf": [result, {"not": {"type": "null"}}]} if schema.get("nullable") is False else result


def choices(mapping: dict[str, str]) -> list[Json]:
    """One condition for each value of `type`; an unlisted value meets none."""
    return [
        {"if": {"required": ["type"], "properties": {"type": {"const": kind}}}, "then": {"$ref": target}}
        for kind, target in mapping.items()
    ]


def split_base(schemas: Json, name: str, mapping: dict[str, str]) -> None:
    """Let a base schema lead to its subtypes, and these to the bare base: the document has them name each other."""
    schemas[name + BASE] = schemas[name]
    schemas[name] = {"allOf": [{"$ref": SCHEMAS + name + BASE}, *choices(mapping)]}
    for target in mapping.values():
        subtype = schemas[target.removeprefix(SCHEMAS)]
        subtype["allOf"] = [
            {"$ref": SCHEMAS + name + BASE} if part == {"$ref": SCHEMAS + name} else part for part in subtype["allOf"]
        ]


class Checked:
    """A client whose every answer is held against the specification."""

    def __init__(self, sandbox: Sandbox, specification: Specification, *, scope: str = "app") -> None:
        key = sandbox.key(scope)
        self.sandbox = sandbox
        self.client = httpx.Client(base_url=sandbox.base_url, auth=(key.id, key.secret))
        self.specification = specification
        self.seen: Counter[tuple[str, int]] = Counter()

    def call(
        self, template: str, *ids: str, method: str = "GET", query: str = "", body: Json | None = None
    ) -> httpx.Response:
        """Call a path template with its parameters, the app's id first, and check the answer."""
        values = iter((self.sandbox.app_id, *ids) if "{appId}" in template else ids)
        path = re.sub(r"\{\w+\}", lambda _: next(values), template)
        answer = self.client.request(method, path + query, json=body)
        self.specification.check(answer, template)
        self.seen[f"{method} {template}", answer.status_code] += 1
        return answer

    def pages(self, template: str, *ids: str, query: str = "?", side: str = "after") -> Iterator[Json]:
        """All objects of a paged list."""
        cursor = ""
        while True:
            page = self.call(template, *ids, query=f"{query}&page[{side}]={cursor}" if cursor else query).json()
            (rows,) = (value for name, value in page.items() if name not in {"meta", "links"})
            yield from rows
            if not page["meta"]["hasMore"]:
                return
            cursor = page["meta"][f"{side}Cursor"]


@pytest.fixture(scope="module")
def specification() -> Specification:
    """The specification, read once."""
    return Specification()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A generated world in which nothing goes beyond the specification."""
    with Sandbox("synthetic:seed=5,size=60,strangeness=0") as running:
        yield running


@pytest.fixture
def checked(sandbox: Sandbox, specification: Specification) -> Iterator[Checked]:
    """A checked client with the app's key, on the world as it was at the start."""
    sandbox.reset()
    client = Checked(sandbox, specification)
    yield client
    client.client.close()


def test_everything_that_can_be_read_is_as_specified(checked: Checked) -> None:
    """A walk over all objects of a world by every reading route meets the schemas."""
    app = checked.call(APP).json()["app"]
    checked.call("/v2/tokenInfo")
    for integration in checked.pages(f"{APP}/integrations", query="?page[size]=3"):
        checked.call(f"{APP}/integrations/{{integrationId}}", integration["id"])
        checked.call(f"{APP}/integrations/{{integrationId}}/webhooks", integration["id"])
    for switchboard in checked.call(f"{APP}/switchboards").json()["switchboards"]:
        checked.call(f"{APP}/switchboards/{{switchboardId}}/switchboardIntegrations", switchboard["id"])
    for line in checked.sandbox.world("users"):
        read_user(checked, line["object"]["id"])
    for line in checked.sandbox.world("conversations"):
        conversation_id = line["object"]["id"]
        checked.call(CONVERSATION, conversation_id)
        list(checked.pages(f"{CONVERSATION}/participants", conversation_id, query="?page[size]=1"))
        list(checked.pages(f"{CONVERSATION}/messages", conversation_id, side="before"))
    account = Checked(checked.sandbox, checked.specification, scope="account")
    assert [listed["id"] for listed in account.pages("/v2/apps")] == [app["id"]]
    account.client.close()
    read = {route for route, status in (checked.seen + account.seen) if status == 200}
    assert read >= {route.name for route in ROUTES if route.method == "GET" and route.template.startswith("/v2")}


def read_user(checked: Checked, user_id: str) -> None:
    """Read a user by every route."""
    user = checked.call(USER, user_id).json()["user"]
    list(checked.pages(f"{USER}/clients", user_id, query="?page[size]=1"))
    for device in checked.call(f"{USER}/devices", user_id).json()["devices"]:
        checked.call(f"{USER}/devices/{{deviceId}}", user_id, device["id"])
    list(checked.pages(f"{APP}/conversations", query=f"?page[size]=2&filter[userId]={user_id}"))
    for identity in user.get("identities", ()):
        checked.call(f"{APP}/users", query=f"?filter[identities.email]={identity['value']}")


@pytest.mark.parametrize(
    "message",
    [
        {"author": {"type": "robot"}},
        {"author": {}},
        {"author": {"type": "user", "userExternalId": "x"}},
        {"received": None},
        {"content": {"type": "hologram"}},
        {"content": {"type": "file", "text": "no URL"}},
        {"content": {"type": "text", "actions": [{"type": "buy", "text": "no amount"}]}},
    ],
)
def test_the_check_itself_finds_faults(specification: Specification, message: Json) -> None:
    """A message with a wrong enum, a missing or writeOnly member, or unlisted content does not pass."""
    request = httpx.Request("GET", "http://127.0.0.1/")
    headers = {"content-type": "application/json; charset=utf-8"}
    answer = httpx.Response(200, json={"messages": [message]}, headers=headers, request=request)
    with pytest.raises(jsonschema.ValidationError):
        specification.check(answer, f"{CONVERSATION}/messages")


def test_errors_are_as_specified(checked: Checked) -> None:
    """Each route's 404 and 400, and 401 and 403, have the documented form and the code of the documented example."""
    missing = [
        (f"{APP}/integrations/{{integrationId}}", [NOWHERE]),
        (f"{APP}/integrations/{{integrationId}}/webhooks", [NOWHERE]),
        (f"{APP}/switchboards/{{switchboardId}}/switchboardIntegrations", [NOWHERE]),
        (USER, [NOWHERE]),
        (CONVERSATION, [NOWHERE]),
        (f"{CONVERSATION}/participants", [NOWHERE]),
        (f"{CONVERSATION}/messages", [NOWHERE]),
    ]
    for template, ids in missing:
        assert example_code(checked.call(template, *ids), checked, template) is True
    for template in (f"{APP}/integrations", f"{APP}/conversations"):
        assert example_code(checked.call(template, query="?page[size]=0"), checked, template) is True
    assert checked.call("/v2/apps").status_code == 403
    checked.client.auth = ("app_x", "y")
    assert checked.call(APP).status_code == 401


def example_code(answer: httpx.Response, checked: Checked, template: str) -> bool:
    """Whether an error has the code of its operation's example."""
    operation = checked.specification.paths[template][answer.request.method.lower()]
    media = operation["responses"][str(answer.status_code)]["content"]["application/json"]
    example = media["examples"]["default"]["value"]
    return bool(example["errors"][0]["code"] == answer.json()["errors"][0]["code"])


def test_erasure_is_as_specified(checked: Checked) -> None:
    """Every deleting route answers as documented, and so do the reading ones afterwards."""
    group = {"type": "sdkGroup", "id": "a" * 24, "isDefault": False}
    users = [line["object"]["id"] for line in checked.sandbox.world("users")][:2]
    people = [{"userId": user_id, "unreadCount": 0, "clientAssociations": []} for user_id in users]
    checked.sandbox.change({"op": "add_conversation", "conversation": group, "participants": people})
    message = checked.sandbox.change({"op": "add_messages", "conversation_id": "a" * 24, "count": 2})[0][0]
    default = next(c["object"]["id"] for c in checked.sandbox.world("conversations") if c["object"].get("isDefault"))
    client = next(line for line in checked.sandbox.world("clients") if line["object"]["type"] != "sdk")

    checked.sandbox.set_behaviour(deleted_message="placeholder")
    checked.call(f"{CONVERSATION}/messages/{{messageId}}", "a" * 24, message, method="DELETE")
    assert checked.call(f"{CONVERSATION}/messages", "a" * 24).json()["messages"][0]["deleted"] is True
    checked.call(f"{CONVERSATION}/messages", "a" * 24, method="DELETE")
    checked.call(f"{CONVERSATION}/leave", "a" * 24, method="POST", body={"userId": users[0]})
    assert checked.call(f"{CONVERSATION}/leave", "a" * 24, method="POST", body={"userId": users[0]}).status_code == 404
    checked.call(CONVERSATION, "a" * 24, method="DELETE")
    assert checked.call(CONVERSATION, default, method="DELETE").status_code == 400
    upload = {"mediaUrl": f"{checked.sandbox.base_url}/media/{checked.sandbox.app_id}/a.png"}
    for status in (200, 404):
        assert checked.call(f"{APP}/attachments/remove", method="POST", body=upload).status_code == status
    client_path = f"{USER}/clients/{{clientId}}"
    checked.call(client_path, client["user_id"], client["object"]["id"], method="DELETE")
    checked.call(f"{USER}/personalinformation", users[0], method="DELETE")
    read_user(checked, users[0])
    checked.call(USER, users[0], method="DELETE")
    assert [checked.call(USER, users[0]).status_code for _ in range(2)] == [200, 404]
    account = Checked(checked.sandbox, checked.specification, scope="account")
    account.call(APP, method="DELETE")
    account.client.close()
    deleted = {route for route, status in (checked.seen + account.seen) if status == 200}
    assert deleted >= {route.name for route in ROUTES if route.method != "GET"}
