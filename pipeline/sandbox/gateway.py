"""The ASGI application: from a request to its answer, with everything that may go wrong on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from pipeline.sandbox.answers import Answer, Refusal, forbidden, not_found, refused
from pipeline.sandbox.auth import Key, Scope
from pipeline.sandbox.faults import Fault
from pipeline.sandbox.media import localized
from pipeline.sandbox.router import Route, find_route
from pipeline.sandbox.schedule import Schedule
from pipeline.sandbox.service import Call, Service
from pipeline.sandbox.spoil import looped, shuffled
from pipeline.sandbox.state import AppState
from pipeline.sandbox.stats import Stats
from pipeline.sandbox.transmit import Request, read_body, wait_for_disconnect, write_answer
from pipeline.sandbox.verdict import Court, Verdict

CONTROL_PREFIX = "/_control"
MOST_BODY_BYTES = 100_000
UNKNOWN_ROUTE = "unknown"


class Gateway:
    """Serves the API, and hands everything under `/_control` to `control` once that is set.

    Args:
        service: the apps.
        faults: how calls fail; `set_faults` replaces them.
        seed: makes faults repeatable.
    """

    def __init__(self, service: Service, *, faults: Sequence[Fault] = (), seed: int = 0) -> None:
        self.service = service
        self.court = Court(faults, seed=seed)
        self.stats = Stats()
        self.schedule = Schedule(service)
        self.control: ASGIApp | None = None
        self._first_faults = faults
        self._seed = seed

    def reset(self) -> None:
        """Begin anew: worlds, behaviour and faults as at the start, no schedule, counts at zero."""
        self.service.reset()
        self.set_faults(self._first_faults)
        self.schedule = Schedule(self.service)
        self.stats.keep_log(0)
        self.stats.reset()

    def set_faults(self, faults: Sequence[Fault]) -> None:
        """Replace all faults; counts begin anew."""
        self.court = Court(faults, seed=self._seed)

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self.control is not None and scope["path"].startswith(CONTROL_PREFIX):
            await self.control(scope, receive, send)
            return
        self.stats.arrived()
        try:
            await self._serve(Request(scope), receive, send)
        finally:
            self.stats.left()

    async def _serve(self, request: Request, receive: Receive, send: Send) -> None:
        try:
            route, parameters = find_route(request.method, request.path)
        except Refusal as refusal:
            nowhere = refusal.answer()
            self._count(request, UNKNOWN_ROUTE, nowhere, is_true=True)
            await write_answer(request, nowhere, receive, send)
            return
        verdict = self._judge(request, route, parameters)
        if verdict.delay:
            await asyncio.sleep(verdict.delay)
        truth = None
        if verdict.executed or not verdict.is_final:
            truth = await self._execute(request, route, parameters, receive)
        answer = verdict.answer
        if answer is None and truth is not None:
            answer = _spoiled(truth, verdict, request)
        if verdict.hang or answer is None:
            self._count(request, route.name, None, is_true=False)
            await wait_for_disconnect(receive)
            return
        self._count(request, route.name, answer, is_true=not verdict.is_final and not verdict.damage)
        compress = self.service.behaviour.gzip
        await write_answer(request, answer, receive, send, damage=verdict.damage, compress=compress)

    def _judge(self, request: Request, route: Route, parameters: dict[str, str]) -> Verdict:
        if not self.court.incidents:
            return _NOTHING
        try:
            key_id = self.service.keyring.find(request.header(b"authorization")).id
        except Refusal:
            key_id = ""
        has_cursor = "page[after]" in request.query or "page[before]" in request.query
        return self.court.judge(route=route.name, app_id=parameters.get("appId"), key_id=key_id, has_cursor=has_cursor)

    async def _execute(self, request: Request, route: Route, parameters: dict[str, str], receive: Receive) -> Answer:
        body = await read_body(receive, limit=MOST_BODY_BYTES) if request.method == "POST" else b""
        if len(body) > MOST_BODY_BYTES:
            return refused(413, "payload_too_large", "The request body is larger than 100kb")
        self.service.settle()
        try:
            key = self.service.keyring.find(request.header(b"authorization"))
            app = self._admit(key, route, parameters.get("appId"))
            answer = route.handler(Call(self.service, key, app, request.path, parameters, request.query, body))
            return localized(answer, base_url=self.service.base_url)
        except Refusal as refusal:
            return refusal.answer()
        finally:
            self.schedule.answered(route.name)

    def _admit(self, key: Key, route: Route, app_id: str | None) -> AppState:
        """The app of a call, if the key may make it."""
        apps = self.service.apps
        wanted = app_id or key.app_id
        app = next(iter(apps.values())) if wanted is None else apps.get(wanted)
        if app is None or (wanted is not None and app.is_deleted):
            raise not_found("app")
        if key.scope not in route.scopes or (key.scope is not Scope.ACCOUNT and key.app_id != app.app_id):
            raise forbidden()
        return app

    def _count(self, request: Request, route: str, answer: Answer | None, *, is_true: bool) -> None:
        status, size = (0, 0) if answer is None else (answer.status, len(answer.body))
        self.stats.count(route=route, target=request.target, status=status, size=size, is_true=is_true)


_NOTHING = Verdict()


def _spoiled(answer: Answer, verdict: Verdict, request: Request) -> Answer:
    if verdict.loop:
        answer = looped(answer, request.query)
    if verdict.shuffle is not None:
        answer = shuffled(answer, verdict.shuffle)
    return answer
