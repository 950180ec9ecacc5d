"""Requests about the people of a small lake, and plans of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pipeline.privacy.people.lookup import UpstreamLookup
from pipeline.privacy.plan.plan import Made, make_plan
from pipeline.privacy.requests.request import Identifier, Reason, Request
from pipeline.suppression.subjects import Action
from tests.unit.privacy.erased_lakes import APP, AnnasLake
from tests.unit.privacy.fakes import FakeMacs

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def request(
    kind: Identifier, value: str, *, number: int = 1, action: Action = Action.ERASE, app_id: str = APP, **fields: Any
) -> Request:
    """A request by one identifier."""
    return Request(
        request_ref=f"case-{number}",
        app_id=app_id,
        kind=kind,
        value=value,
        action=action,
        received_at=NOW,
        verified_by="desk",
        reason=Reason.REQUEST,
        line=number,
        **fields,
    )


def plan_of(
    annas: AnnasLake, requests: Sequence[Request], *, upstream: UpstreamLookup | None = None, **options: Any
) -> Made:
    """A plan; offline where there is no upstream."""
    making = make_plan(
        annas.lake,
        annas.ledger,
        requests,
        lookups={} if upstream is None else {APP: upstream},
        macs=FakeMacs(),
        now=NOW,
        **{"is_held": lambda _: False, **options},
    )
    return asyncio.run(making)
