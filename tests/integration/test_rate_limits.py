"""The server's rate limit is unpublished: it is found, used, and hardly ever overstepped."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from pipeline.sandbox.process import Sandbox
from tests.integration.conftest import Serve

RATE = 80
PLATEAU = 5
WORLD = "synthetic:seed=31,size=1500,strangeness=0"


def test_a_token_bucket_is_used_up_and_hardly_overdrawn(serve: Serve) -> None:
    """In steady state at least 95 % of the allowed calls are made, and at most 5 % of all are answered 429."""
    bench = serve(WORLD, start_rate=10.0)
    bench.sandbox.set_faults({"kind": "rate_limit", "rate": RATE, "capacity": RATE / 4})
    bench.export(limit=420, expect="partial")
    stats = bench.sandbox.stats()
    accepted = _accepted(stats)
    # The plateau between two probes of the limit, each of which costs the pause that the server orders.
    steady = max(sum(accepted[start : start + PLATEAU]) for start in range(len(accepted) - PLATEAU))
    assert steady >= 0.95 * RATE * PLATEAU, accepted
    assert stats["rejected"] <= 0.05 * stats["calls"]
    assert stats["violations"] == 0


def test_the_rate_recovers_after_a_burst_of_429s(serve: Serve) -> None:
    """A second of refusals that have nothing to do with the pace slows the run for seconds, not for good."""
    bench = serve(WORLD, start_rate=200.0)
    bench.sandbox.set_faults({"kind": "status", "status": 429, "after": 300})
    relief = threading.Thread(target=_relieve, args=(bench.sandbox,))
    relief.start()
    bench.export(limit=400, expect="partial")
    relief.join()
    accepted = _accepted(bench.sandbox.stats())
    assert max(accepted[-4:]) >= 2 * RATE, accepted


def _relieve(sandbox: Sandbox) -> None:
    """A second after the first refusal, refuse no more."""
    deadline = time.monotonic() + 30
    while not sandbox.stats()["rejected"] and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(1)
    sandbox.set_faults()


def _accepted(stats: Mapping[str, Any]) -> list[int]:
    """Calls accepted in each second of the run."""
    found = {int(second): count for second, count in stats["accepted_per_second"].items()}
    return [found.get(second, 0) for second in range(min(found), max(found) + 1)]
