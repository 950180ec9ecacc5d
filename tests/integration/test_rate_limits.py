"""The server's rate limit is unpublished: it is found, used, and hardly ever overstepped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.integration.conftest import Serve

RATE = 150
WORLD = "synthetic:seed=31,size=1500,strangeness=0"
PROFILE = "GET /v2/apps/{appId}/users/{userIdOrExternalId}"


def test_a_token_bucket_is_used_up_and_hardly_overdrawn(serve: Serve) -> None:
    """In steady state at least 95 % of the allowed calls are made, and at most 5 % of all are answered 429."""
    bench = serve(WORLD, start_rate=10.0)
    bench.sandbox.set_faults({"kind": "rate_limit", "rate": RATE, "capacity": RATE / 5})
    bench.export(limit=900)
    stats = bench.sandbox.stats()
    accepted = _accepted(stats)[4:-1]
    assert len(accepted) >= 8, accepted
    assert sum(accepted) >= 0.95 * RATE * len(accepted), accepted
    assert stats["rejected"] <= 0.05 * stats["calls"]
    assert stats["violations"] == 0


def test_the_rate_recovers_after_a_burst_of_429s(serve: Serve) -> None:
    """Thirty refusals in a row that have nothing to do with the pace slow the run for seconds, not for good."""
    bench = serve(WORLD, start_rate=200.0)
    bench.sandbox.set_faults({"kind": "status", "status": 429, "after": 300, "times": 30})
    bench.export(limit=1200)
    accepted = _accepted(bench.sandbox.stats())
    assert max(accepted[-3:]) >= 200, accepted


def _accepted(stats: Mapping[str, Any]) -> list[int]:
    """Calls accepted in each second of the run."""
    found = {int(second): count for second, count in stats["accepted_per_second"].items()}
    return [found.get(second, 0) for second in range(min(found), max(found) + 1)]
