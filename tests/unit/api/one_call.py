"""One call of the client to the small server, and what it is answered by default."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import JSONResponse

from pipeline.api import resources
from pipeline.api.answer import Answer
from pipeline.api.routes import Route
from tests.unit.api.conftest import FakeApi

USER = JSONResponse({"user": {"id": "u"}})
PATH = {"appId": "a", "userIdOrExternalId": "u"}


def get(
    api: FakeApi,
    route: Route = resources.GET_USER,
    *,
    path: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    **settings: Any,
) -> Answer:
    """Make one call."""

    async def call() -> Answer:
        async with api.client(**settings) as client:
            return await client.get(route, path=PATH if path is None else path, query=query or {})

    return asyncio.run(call())
