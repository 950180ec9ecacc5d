"""The reading routes of the API: one function each, from a call to its answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from pipeline.sandbox.answers import Answer, answered, bad_request, forbidden, not_found
from pipeline.sandbox.auth import Scope
from pipeline.sandbox.media import MEDIA_BASE, media_file
from pipeline.sandbox.pages import MESSAGES_SIZE, Page, cut, envelope, read_page_query
from pipeline.sandbox.roll import Roll
from pipeline.sandbox.service import Call
from pipeline.sandbox.users import find_user, read_user
from pipeline.sandbox.world import JsonObject

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode


def list_apps(call: Call) -> Answer:
    """ListApps: without `subdomain`, which only GetApp adds. This server has no service accounts to filter by."""
    if "filter[serviceAccountId]" in call.query:
        raise forbidden("The serviceAccountId provided does not match supplied credentials")
    apps = (
        {name: value for name, value in app.world.app.items() if name != "subdomain"}
        for app in call.service.living_apps()
    )
    return _paged(call, "apps", apps)


def get_app(call: Call) -> Answer:
    """GetApp."""
    return answered({"app": call.app.world.app})


def get_token_info(call: Call) -> Answer:
    """GetTokenInfo: the app of the key; an account key has none."""
    if call.key.scope is Scope.ACCOUNT:
        raise forbidden()
    return get_app(call)


def list_integrations(call: Call) -> Answer:
    """ListIntegrations."""
    integrations: Iterable[JsonObject] = call.app.world.integrations()
    filters = {name: values for name, values in call.query.items() if name.startswith("filter")}
    if filters:
        if filters.keys() != {"filter[types]"} or len(filters["filter[types]"]) != 1:
            raise bad_request("Invalid query parameters")
        wanted = filters["filter[types]"][0].split(",")
        integrations = [integration for integration in integrations if integration["type"] in wanted]
    return _paged(call, "integrations", integrations)


def get_integration(call: Call) -> Answer:
    """GetIntegration."""
    return answered({"integration": _integration(call)})


def list_webhooks(call: Call) -> Answer:
    """ListWebhooks: of custom integrations; an integration key sees its own ones only, also under the name `me`."""
    if call.key.scope is Scope.INTEGRATION:
        if call.parameters["integrationId"] not in {"me", call.key.integration_id}:
            raise forbidden()
        if call.key.integration_id is None:
            raise not_found("integration")
        return answered({"webhooks": call.app.world.webhooks(call.key.integration_id)})
    integration = _integration(call)
    if integration["type"] != "custom":
        raise forbidden()
    return answered({"webhooks": call.app.world.webhooks(integration["id"])})


def list_switchboards(call: Call) -> Answer:
    """ListSwitchboards."""
    return answered({"switchboards": call.app.world.switchboards()})


def list_switchboard_integrations(call: Call) -> Answer:
    """ListSwitchboardIntegrations."""
    switchboard_id = call.parameters["switchboardId"]
    if all(switchboard["id"] != switchboard_id for switchboard in call.app.world.switchboards()):
        raise not_found("switchboard")
    return answered({"switchboardIntegrations": call.app.world.switchboard_integrations(switchboard_id)})


def list_users(call: Call) -> Answer:
    """ListUsers: by e-mail identity, which is the only way."""
    if {name for name in call.query if name.startswith("filter")} != {"filter[identities.email]"}:
        raise bad_request("Invalid query parameters: filter[identities.email] is required")
    emails = call.query["filter[identities.email]"]
    if len(emails) != 1 or not emails[0]:
        raise bad_request("Invalid query parameters: filter[identities.email] must be one e-mail address")
    return answered({"users": list(call.app.find_by_email(emails[0], brand_id=call.query.get("brandId", [None])[0]))})


def get_user(call: Call) -> Answer:
    """GetUser."""
    user = read_user(call)
    answer = answered({"user": user})
    call.service.polled_user(call.app, user["id"])
    return answer


def list_clients(call: Call) -> Answer:
    """ListClients."""
    return _paged_roll(call, "clients", call.app.clients.get(read_user(call)["id"]))


def list_devices(call: Call) -> Answer:
    """ListDevices."""
    return answered({"devices": list(call.app.devices.get(read_user(call)["id"]))})


def get_device(call: Call) -> Answer:
    """GetDevice."""
    device = call.app.devices.get(read_user(call)["id"]).get(call.parameters["deviceId"])
    if device is None:
        raise not_found("device")
    return answered({"device": device})


def list_conversations(call: Call) -> Answer:
    """ListConversations of one user; there is no brandId, so an external id finds users without a brand only."""
    filters = {name: values for name, values in call.query.items() if name.startswith("filter")}
    (name, values), *others = filters.items() or [("", [])]
    if others or name not in {"filter[userId]", "filter[userExternalId]"} or len(values) != 1 or not values[0]:
        raise bad_request("Invalid query parameters: one of userId or userExternalId is required, but not both")
    by_id = name == "filter[userId]"
    user = find_user(call, user_id=values[0] if by_id else None, external_id=None if by_id else values[0])
    page = _cut(call, call.app.conversations_of.get(user["id"]))
    found = (call.app.conversations.get(conversation_id) for conversation_id in page.items)
    return _envelope(call, "conversations", [_encode(conversation) for conversation in found if conversation], page)


def get_conversation(call: Call) -> Answer:
    """GetConversation."""
    return answered({"conversation": read_conversation(call)})


def list_participants(call: Call) -> Answer:
    """ListParticipants."""
    return _paged_roll(call, "participants", call.app.participants.get(read_conversation(call)["id"]))


def list_messages(call: Call) -> Answer:
    """ListMessages: backwards, 100 a page; its 404 is a plain `not_found`."""
    roll = call.service.rendered.messages(call.app, call.parameters["conversationId"])
    if roll is None:
        raise not_found()
    query = read_page_query(call.query, fixed_size=MESSAGES_SIZE)
    page = cut(roll, query, newest_first=True, refuse_ghosts=call.service.behaviour.deleted_cursor == "refuse")
    return _envelope(call, "messages", page.items, page)


def get_media(call: Call) -> Answer:
    """A private upload: not in the specification, which says only that its GET needs the key."""
    url = MEDIA_BASE + "/".join((call.app.app_id, call.parameters["file"]))
    if url in call.app.removed_media:
        raise not_found()
    return media_file(url)


def read_conversation(call: Call) -> JsonObject:
    """The conversation in the path.

    Raises:
        Refusal: 404.
    """
    conversation = call.app.conversations.get(call.parameters["conversationId"])
    if conversation is None:
        raise not_found("conversation")
    return conversation


def _integration(call: Call) -> JsonObject:
    for integration in call.app.world.integrations():
        if integration["id"] == call.parameters["integrationId"]:
            return integration
    raise not_found("integration")


def _paged(call: Call, name: str, objects: Iterable[JsonObject]) -> Answer:
    return _paged_roll(call, name, Roll((item["id"], item) for item in objects))


def _paged_roll(call: Call, name: str, roll: Roll[JsonObject]) -> Answer:
    page = _cut(call, roll)
    return _envelope(call, name, [_encode(item) for item in page.items], page)


def _cut(call: Call, roll: Roll[T]) -> Page[T]:
    return cut(roll, read_page_query(call.query), refuse_ghosts=call.service.behaviour.deleted_cursor == "refuse")


def _envelope(call: Call, name: str, parts: list[bytes], page: Page[T]) -> Answer:
    behaviour = call.service.behaviour
    url = (behaviour.link_base or call.service.base_url) + call.path
    return envelope(name, parts, page, url=url, query=call.query, sparse=behaviour.sparse_meta)
