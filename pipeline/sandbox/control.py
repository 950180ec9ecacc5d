"""The control interface under /_control: what a test does to the server, and what it sees of it.

It asks for no key: the server listens on loopback addresses only.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from itertools import islice
from typing import Annotated, Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from pipeline.sandbox.apply import apply_change
from pipeline.sandbox.behaviour import Behaviour
from pipeline.sandbox.changes import read_changes
from pipeline.sandbox.faults import read_faults
from pipeline.sandbox.gateway import Gateway
from pipeline.sandbox.media import localize
from pipeline.sandbox.ready import describe
from pipeline.sandbox.router import ROUTE_NAMES
from pipeline.sandbox.schedule import Appointment
from pipeline.sandbox.state import AppState
from pipeline.sandbox.truth import TABLES, read_seeds, read_truth

Handler = Callable[[Gateway, Any], Any]
LINES_AT_ONCE = 200
_JSON_LINES = "application/x-ndjson"


class LogRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many calls to remember from now on; 0: none."""

    cap: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


def make_control(gateway: Gateway) -> Starlette:
    """The Starlette application of the control interface."""
    actions: list[tuple[str, str, Handler]] = [
        ("GET", "ready", _ready),
        ("GET", "stats", _stats),
        ("POST", "stats/reset", _reset_stats),
        ("POST", "reset", _reset),
        ("POST", "warm", _warm),
        ("GET", "calls", _calls),
        ("POST", "calls", _log_calls),
        ("GET", "destroying", _destroying),
        ("GET", "faults", _faults),
        ("POST", "faults", _set_faults),
        ("GET", "behaviour", _behaviour),
        ("POST", "behaviour", _set_behaviour),
        ("POST", "changes", _change),
        ("GET", "schedule", _schedule),
        ("POST", "schedule", _set_schedule),
    ]
    routes = [
        Route(f"/_control/{path}", partial(_act, gateway, handler), methods=[method])
        for method, path, handler in actions
    ]
    routes += [
        Route(f"/_control/{path}", partial(read, gateway)) for path, read in (("world", _world), ("seeds", _seeds))
    ]
    return Starlette(routes=routes)


async def _act(gateway: Gateway, handler: Handler, request: Request) -> Response:
    body = await request.body()
    try:
        return JSONResponse(handler(gateway, msgspec.json.decode(body) if body else None))
    except (LookupError, msgspec.DecodeError) as error:
        return JSONResponse({"error": str(error)}, status_code=400)


def _ready(gateway: Gateway, _: Any) -> Any:
    return describe(gateway.service)


def _stats(gateway: Gateway, _: Any) -> Any:
    faults = [{"fault": msgspec.to_builtins(i.rule), "seen": i.seen, "hits": i.hits} for i in gateway.court.incidents]
    return gateway.stats.report() | {"violations": gateway.court.violations, "faults": faults}


def _reset_stats(gateway: Gateway, _: Any) -> Any:
    gateway.stats.reset()
    gateway.court.violations = 0
    return {}


def _reset(gateway: Gateway, _: Any) -> Any:
    gateway.reset()
    return {}


def _warm(gateway: Gateway, _: Any) -> Any:
    return {"conversations": gateway.service.rendered.warm(gateway.service.living_apps())}


def _calls(gateway: Gateway, _: Any) -> Any:
    return {"calls": list(gateway.stats.log)}


def _log_calls(gateway: Gateway, payload: Any) -> Any:
    gateway.stats.keep_log(msgspec.convert(payload, LogRequest).cap)
    return {}


def _destroying(gateway: Gateway, _: Any) -> Any:
    return {"calls": list(gateway.stats.destroying)}


def _faults(gateway: Gateway, _: Any) -> Any:
    return {"faults": [msgspec.to_builtins(incident.rule) for incident in gateway.court.incidents]}


def _set_faults(gateway: Gateway, payload: Any) -> Any:
    faults = read_faults(payload or [])
    for fault in faults:
        _check_route(fault.route)
    gateway.set_faults(faults)
    return _faults(gateway, None)


def _behaviour(gateway: Gateway, _: Any) -> Any:
    return msgspec.to_builtins(gateway.service.behaviour)


def _set_behaviour(gateway: Gateway, payload: Any) -> Any:
    gateway.service.behaviour = msgspec.convert(_behaviour(gateway, None) | (payload or {}), Behaviour)
    return _behaviour(gateway, None)


def _change(gateway: Gateway, payload: Any) -> Any:
    return {"ids": [apply_change(gateway.service, change) for change in read_changes(payload)]}


def _schedule(gateway: Gateway, _: Any) -> Any:
    return {"waiting": msgspec.to_builtins(gateway.schedule.waiting), "errors": gateway.schedule.errors}


def _set_schedule(gateway: Gateway, payload: Any) -> Any:
    appointments = msgspec.convert(payload, list[Appointment])
    for appointment in appointments:
        _check_route(appointment.route)
    gateway.schedule.clear()
    for appointment in appointments:
        gateway.schedule.add(appointment)
    return _schedule(gateway, None)


async def _world(gateway: Gateway, request: Request) -> Response:
    tables = request.query_params.get("tables")
    wanted = TABLES.keys() if tables is None else set(tables.split(","))
    if not wanted <= TABLES.keys():
        return JSONResponse({"error": f"tables are {', '.join(TABLES)}"}, status_code=400)
    gateway.service.settle()
    lines = (line for app in _asked_apps(gateway, request) for line in read_truth(app, tables=wanted))
    return StreamingResponse(_chunks(lines, base_url=gateway.service.base_url), media_type=_JSON_LINES)


async def _seeds(gateway: Gateway, request: Request) -> Response:
    seeds = (seed for app in _asked_apps(gateway, request) for seed in read_seeds(app))
    return StreamingResponse(_chunks(seeds, base_url=gateway.service.base_url), media_type=_JSON_LINES)


def _asked_apps(gateway: Gateway, request: Request) -> list[AppState]:
    app_id = request.query_params.get("app_id")
    return [app for app in gateway.service.living_apps() if app_id in {None, app.app_id}]


async def _chunks(lines: Iterator[object], *, base_url: str) -> AsyncIterator[bytes]:
    encode = msgspec.json.Encoder().encode
    while chunk := list(islice(lines, LINES_AT_ONCE)):
        yield b"".join(localize(encode(line), base_url=base_url) + b"\n" for line in chunk)
        await asyncio.sleep(0)


def _check_route(route: str) -> None:
    if route and route not in ROUTE_NAMES:
        raise LookupError(f"there is no route {route!r}: name one as in 'GET /v2/apps/{{appId}}/users'")
