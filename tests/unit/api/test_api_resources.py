from __future__ import annotations

from pipeline.api import resources
from pipeline.api.resources import RESOURCES

TABLES = {
    "apps",
    "integrations",
    "switchboards",
    "switchboard_integrations",
    "webhooks",
    "users",
    "clients",
    "devices",
    "conversations",
    "participants",
    "messages",
}


def test_every_table_that_calls_fill_has_a_call() -> None:
    """The registry covers each table of the lake that is read from the API."""
    assert {route.table for route in RESOURCES} == TABLES


def test_the_registry_holds_each_constant_once() -> None:
    """No route is missing from RESOURCES, and none is in it twice."""
    declared = [value for name, value in vars(resources).items() if name.startswith(("GET_", "LIST_"))]
    assert list(RESOURCES) == declared
    assert len({route.name for route in RESOURCES}) == len(RESOURCES)


def test_routes_only_read() -> None:
    """The exporter calls nothing that changes anything."""
    assert {route.method for route in RESOURCES} == {"GET"}


def test_only_lists_are_paged_and_messages_backward_without_a_size() -> None:
    """Paging is as the specification has it: 100 a page where a size is allowed, messages newest first and fixed."""
    paged = {route.envelope: route for route in RESOURCES if route.paging != "none"}
    assert set(paged) == {"apps", "integrations", "clients", "conversations", "participants", "messages"}
    assert all(route.many for route in paged.values())
    assert (paged.pop("messages").paging, resources.LIST_MESSAGES.page_size) == ("backward", None)
    assert {(route.paging, route.page_size) for route in paged.values()} == {("forward", 100)}


def test_scopes_follow_the_specification() -> None:
    """Only account keys list apps, and webhooks are for app and integration keys."""
    assert resources.LIST_APPS.scopes == {"account"}
    assert resources.LIST_WEBHOOKS.scopes == {"app", "integration"}
    assert resources.LIST_MESSAGES.scopes == {"account", "app", "integration"}
    assert resources.GET_APP.scopes == {"account", "app"}


def test_queries_name_a_brand_only_where_one_is_given() -> None:
    """Conversations are listed by the user's id alone; an e-mail or external id may need its brand."""
    assert resources.conversations_of("u") == {"filter[userId]": "u"}
    assert resources.of_brand(None) == {}
    assert resources.users_with_email("a@b.example") == {"filter[identities.email]": "a@b.example"}
    assert resources.users_with_email("a@b.example", brand_id="7")["brandId"] == "7"
