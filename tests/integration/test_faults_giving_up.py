"""When a call is given up in the middle of a visit: what was not read must be read by the next run."""

from __future__ import annotations

import pytest

from pipeline.config import CallSettings
from tests.integration.conftest import Serve
from tests.integration.lake_truth import assert_no_message_twice, assert_same_as_world
from tests.integration.small_worlds import SmallWorld

IMPATIENT = CallSettings(read_seconds=5.0, total_seconds=0.3)
ROUTES = {
    "clients": "GET /v2/apps/{appId}/users/{userIdOrExternalId}/clients",
    "devices": "GET /v2/apps/{appId}/users/{userIdOrExternalId}/devices",
    "conversations": "GET /v2/apps/{appId}/conversations",
    "participants": "GET /v2/apps/{appId}/conversations/{conversationId}/participants",
    "messages": "GET /v2/apps/{appId}/conversations/{conversationId}/messages",
}


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
def test_what_a_failed_call_left_out_is_read_by_the_next_run(serve: Serve, route: str) -> None:
    """A call that spends its whole budget makes the run partial; the next run brings all that is missing."""
    world = SmallWorld("failing")
    for number in range(6):
        world.user(f"user{number}", clients=[f"client{number}"])
        world.conversation(f"talk{number}", [f"user{number}"], messages=120)
    bench = serve(world, calls=IMPATIENT, max_concurrency=1)
    bench.sandbox.set_faults({"kind": "status", "status": 503, "route": route, "after": 3})
    first = bench.export(expect="partial")
    assert first.counters.failed
    bench.sandbox.set_faults()
    bench.calls = CallSettings()
    bench.export()
    assert_same_as_world(bench.lake, bench.sandbox)
    assert_no_message_twice(bench.lake, app_id=bench.app_id)
