"""What is exported: every call that fills a table of the lake, as data (openapi.yaml; design.md, section 5)."""

from __future__ import annotations

from typing import Final

from pipeline.api.routes import Route, Scope

MAX_PAGE_SIZE: Final = 100

_APP_KEYS: Final[frozenset[Scope]] = frozenset({"account", "app"})
_OWN_WEBHOOKS: Final[frozenset[Scope]] = frozenset({"app", "integration"})
_ALL_KEYS: Final[frozenset[Scope]] = frozenset({"account", "app", "integration"})

_APP: Final = "/v2/apps/{appId}"
_USER: Final = _APP + "/users/{userIdOrExternalId}"
_CONVERSATION: Final = _APP + "/conversations/{conversationId}"

GET_APP: Final = Route(template=_APP, envelope="app", many=False, table="apps", scopes=_APP_KEYS)
GET_TOKEN_INFO: Final = Route(template="/v2/tokenInfo", envelope="app", many=False, table="apps", scopes=_ALL_KEYS)
LIST_APPS: Final = Route(
    template="/v2/apps",
    envelope="apps",
    many=True,
    table="apps",
    scopes=frozenset({"account"}),
    paging="forward",
    page_size=MAX_PAGE_SIZE,
)
LIST_INTEGRATIONS: Final = Route(
    template=_APP + "/integrations",
    envelope="integrations",
    many=True,
    table="integrations",
    scopes=_APP_KEYS,
    paging="forward",
    page_size=MAX_PAGE_SIZE,
)
LIST_SWITCHBOARDS: Final = Route(
    template=_APP + "/switchboards", envelope="switchboards", many=True, table="switchboards", scopes=_APP_KEYS
)
LIST_SWITCHBOARD_INTEGRATIONS: Final = Route(
    template=_APP + "/switchboards/{switchboardId}/switchboardIntegrations",
    envelope="switchboardIntegrations",
    many=True,
    table="switchboard_integrations",
    scopes=_APP_KEYS,
)
LIST_WEBHOOKS: Final = Route(
    template=_APP + "/integrations/{integrationId}/webhooks",
    envelope="webhooks",
    many=True,
    table="webhooks",
    scopes=_OWN_WEBHOOKS,
)
GET_USER: Final = Route(template=_USER, envelope="user", many=False, table="users", scopes=_ALL_KEYS)
LIST_USERS_BY_EMAIL: Final = Route(
    template=_APP + "/users", envelope="users", many=True, table="users", scopes=_ALL_KEYS
)
LIST_CLIENTS: Final = Route(
    template=_USER + "/clients",
    envelope="clients",
    many=True,
    table="clients",
    scopes=_ALL_KEYS,
    paging="forward",
    page_size=MAX_PAGE_SIZE,
)
LIST_DEVICES: Final = Route(
    template=_USER + "/devices", envelope="devices", many=True, table="devices", scopes=_ALL_KEYS
)
LIST_CONVERSATIONS: Final = Route(
    template=_APP + "/conversations",
    envelope="conversations",
    many=True,
    table="conversations",
    scopes=_ALL_KEYS,
    paging="forward",
    page_size=MAX_PAGE_SIZE,
)
GET_CONVERSATION: Final = Route(
    template=_CONVERSATION, envelope="conversation", many=False, table="conversations", scopes=_ALL_KEYS
)
LIST_PARTICIPANTS: Final = Route(
    template=_CONVERSATION + "/participants",
    envelope="participants",
    many=True,
    table="participants",
    scopes=_ALL_KEYS,
    paging="forward",
    page_size=MAX_PAGE_SIZE,
)
LIST_MESSAGES: Final = Route(  # the page size is fixed at 100; the first answer is the newest page
    template=_CONVERSATION + "/messages",
    envelope="messages",
    many=True,
    table="messages",
    scopes=_ALL_KEYS,
    paging="backward",
)

RESOURCES: Final[tuple[Route, ...]] = (
    GET_APP,
    GET_TOKEN_INFO,
    LIST_APPS,
    LIST_INTEGRATIONS,
    LIST_SWITCHBOARDS,
    LIST_SWITCHBOARD_INTEGRATIONS,
    LIST_WEBHOOKS,
    GET_USER,
    LIST_USERS_BY_EMAIL,
    LIST_CLIENTS,
    LIST_DEVICES,
    LIST_CONVERSATIONS,
    GET_CONVERSATION,
    LIST_PARTICIPANTS,
    LIST_MESSAGES,
)


def conversations_of(user_id: str) -> dict[str, str]:
    """The query that lists the conversations of a user; ListConversations has no brandId, so it wants the user's id."""
    return {"filter[userId]": user_id}


def users_with_email(email: str, *, brand_id: str | None = None) -> dict[str, str]:
    """The query that finds users by an e-mail identity; `profile.email` is not searched."""
    return {"filter[identities.email]": email} | of_brand(brand_id)


def of_brand(brand_id: str | None) -> dict[str, str]:
    """The query that tells apart equal external ids or e-mails of several brands (specification 17.12.0)."""
    return {} if brand_id is None else {"brandId": brand_id}
