"""The server's rate limit is unpublished: it is found by being refused, seldom, and what it orders is obeyed.

How much of a limit is used, and how soon a pace recovers, is proven by `test_api_pace` with a clock of its own; here
only calls are counted, which a busy machine does not change.
"""

from __future__ import annotations

from tests.integration.conftest import Serve

RATE = 60
AT_ONCE = 8


def test_a_token_bucket_is_found_and_hardly_overdrawn(serve: Serve) -> None:
    """The limit is met, at most 5 % of all calls are answered 429, and nobody calls while the server said to wait.

    The bucket holds more than the calls in flight, so that those which a stalled machine lets through at once are no
    refusals; and what was on its way when a refusal came may arrive late.
    """
    bench = serve("synthetic:seed=31,size=1500,strangeness=0", start_rate=10.0, max_concurrency=AT_ONCE)
    bench.sandbox.set_faults({"kind": "rate_limit", "rate": RATE, "capacity": 3 * AT_ONCE, "grace_ms": 700})
    bench.export(limit=80, expect="partial")
    stats = bench.sandbox.stats()
    assert stats["calls"] > 5 * RATE
    assert 0 < stats["rejected"] <= 0.05 * stats["calls"]
    assert stats["violations"] == 0
