"""Finds the route of a path, and says who may take it: the registry of everything this server answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from pipeline.sandbox import erasure, routes
from pipeline.sandbox.answers import Answer, not_found
from pipeline.sandbox.auth import Scope
from pipeline.sandbox.service import Call

_ACCOUNT = frozenset({Scope.ACCOUNT})
_APP = frozenset({Scope.ACCOUNT, Scope.APP})
_ALL = frozenset(Scope)

APP = "/v2/apps/{appId}"
USER = f"{APP}/users/{{userIdOrExternalId}}"
CONVERSATION = f"{APP}/conversations/{{conversationId}}"


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the specification.

    Attributes:
        scopes: whose keys it answers; the others get 403 (specification, `security` of each operation).
    """

    method: str
    template: str
    handler: Callable[[Call], Answer]
    scopes: frozenset[Scope]

    @property
    def name(self) -> str:
        """Method and path template, as in `GET /v2/apps/{appId}`."""
        return f"{self.method} {self.template}"


ROUTES = (
    Route("GET", "/v2/apps", routes.list_apps, _ACCOUNT),
    Route("GET", "/v2/tokenInfo", routes.get_token_info, _ALL),
    Route("GET", APP, routes.get_app, _APP),
    Route("DELETE", APP, erasure.delete_app, _ACCOUNT),
    Route("GET", f"{APP}/integrations", routes.list_integrations, _APP),
    Route("GET", f"{APP}/integrations/{{integrationId}}", routes.get_integration, _APP),
    Route("GET", f"{APP}/integrations/{{integrationId}}/webhooks", routes.list_webhooks, _ALL),
    Route("GET", f"{APP}/switchboards", routes.list_switchboards, _APP),
    Route(
        "GET",
        f"{APP}/switchboards/{{switchboardId}}/switchboardIntegrations",
        routes.list_switchboard_integrations,
        _APP,
    ),
    Route("POST", f"{APP}/attachments/remove", erasure.remove_attachment, _ALL),
    Route("GET", f"{APP}/users", routes.list_users, _ALL),
    Route("GET", USER, routes.get_user, _ALL),
    Route("DELETE", USER, erasure.delete_user, _ALL),
    Route("DELETE", f"{USER}/personalinformation", erasure.delete_personal_information, _ALL),
    Route("GET", f"{USER}/clients", routes.list_clients, _ALL),
    Route("DELETE", f"{USER}/clients/{{clientId}}", erasure.remove_client, _ALL),
    Route("GET", f"{USER}/devices", routes.list_devices, _ALL),
    Route("GET", f"{USER}/devices/{{deviceId}}", routes.get_device, _ALL),
    Route("GET", f"{APP}/conversations", routes.list_conversations, _ALL),
    Route("GET", CONVERSATION, routes.get_conversation, _ALL),
    Route("DELETE", CONVERSATION, erasure.delete_conversation, _ALL),
    Route("GET", f"{CONVERSATION}/participants", routes.list_participants, _ALL),
    Route("POST", f"{CONVERSATION}/leave", erasure.leave_conversation, _ALL),
    Route("GET", f"{CONVERSATION}/messages", routes.list_messages, _ALL),
    Route("DELETE", f"{CONVERSATION}/messages", erasure.delete_messages, _ALL),
    Route("DELETE", f"{CONVERSATION}/messages/{{messageId}}", erasure.delete_message, _ALL),
    Route("GET", "/media/{appId}/{file}", routes.get_media, _ALL),
)

ROUTE_NAMES = frozenset(route.name for route in ROUTES)


@dataclass(frozen=True, slots=True)
class _Pattern:
    route: Route
    literals: tuple[tuple[int, str], ...]
    parameters: tuple[tuple[int, str], ...]


def find_route(method: str, raw_path: str) -> tuple[Route, dict[str, str]]:
    """The route of a path as it was sent, and its decoded parameters.

    Dot segments are resolved, encoded or not, as proxies and clients do (RFC 3986, section 5.2.4):
    `DELETE /v2/apps/X/users/..` deletes the app. One slash at the end is ignored.

    Raises:
        Refusal: 404 for anything that is no route.
    """
    segments = _segments(raw_path)
    if segments[:1] == ["media"]:
        segments[2:] = ["/".join(segments[2:])]
    for pattern in _PATTERNS.get((method, len(segments)), ()):
        if all(segments[place] == literal for place, literal in pattern.literals):
            return pattern.route, {name: unquote(segments[place]) for place, name in pattern.parameters}
    raise not_found()


def _segments(raw_path: str) -> list[str]:
    segments = raw_path.removesuffix("/").split("/")[1:]
    if "/." not in raw_path and "%2" not in raw_path:
        return segments
    resolved: list[str] = []
    for segment in segments:
        dots = segment.replace("%2e", ".").replace("%2E", ".")
        if dots == "..":
            resolved = resolved[:-1]
        elif dots != ".":
            resolved.append(segment)
    return resolved


def _pattern(route: Route) -> _Pattern:
    segments = list(enumerate(route.template.split("/")[1:]))
    return _Pattern(
        route,
        tuple((place, segment) for place, segment in segments if not segment.startswith("{")),
        tuple((place, segment.strip("{}")) for place, segment in segments if segment.startswith("{")),
    )


def _patterns() -> dict[tuple[str, int], list[_Pattern]]:
    found: dict[tuple[str, int], list[_Pattern]] = {}
    for route in ROUTES:
        pattern = _pattern(route)
        found.setdefault((route.method, len(pattern.literals) + len(pattern.parameters)), []).append(pattern)
    return found


_PATTERNS = _patterns()
