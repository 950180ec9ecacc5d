"""SIGINT and SIGTERM: the run commits what it has, says what is left, and ends with exit code 3."""

from __future__ import annotations

import signal
import time

import pytest

from pipeline.config import CommitSettings
from tests.integration.conftest import Serve
from tests.integration.lake_truth import assert_no_message_twice, assert_same_as_world

WORLD = "synthetic:seed=5,size=120"
CONCURRENCY = 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_after_a_last_commit(serve: Serve, number: signal.Signals) -> None:
    """The interrupted run exits 3 and says what is left; the next one repeats no more than what was in flight."""
    bench = serve(WORLD, latency_ms=15, max_concurrency=CONCURRENCY, commit=CommitSettings(seconds=600))
    process = bench.start("export")
    _wait_for_calls(bench.sandbox, 150)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 3, output + errors
    assert "are left" in output
    bench.export()
    assert_same_as_world(bench.lake, bench.sandbox)
    assert_no_message_twice(bench.lake, app_id=bench.app_id)
    # Each unit in flight may lose the calls of its current step, and the lists of the app are read by every run.
    repeated = [target for target in bench.sandbox.stats()["repeated"] if _is_of_a_user_or_conversation(target)]
    assert len(repeated) <= 4 * CONCURRENCY, repeated


def test_a_signal_ends_a_run_whose_server_no_longer_answers(serve: Serve) -> None:
    """With every slot waiting for a silent server, a signal still ends the run, long before the calls give up."""
    bench = serve(WORLD, max_concurrency=CONCURRENCY)
    bench.sandbox.set_faults({"kind": "hang", "after": 60})
    process = bench.start("export")
    _wait_for_calls(bench.sandbox, 60 + CONCURRENCY, arrived=True)
    process.send_signal(signal.SIGTERM)
    try:
        output, errors = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 3, output + errors
    bench.sandbox.set_faults()
    bench.export()
    assert_same_as_world(bench.lake, bench.sandbox)
    assert_no_message_twice(bench.lake, app_id=bench.app_id)


def _wait_for_calls(sandbox: object, count: int, *, arrived: bool = False) -> None:
    from pipeline.sandbox.process import Sandbox

    assert isinstance(sandbox, Sandbox)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        stats = sandbox.stats()
        if stats["calls"] + (stats["in_flight"] if arrived else 0) >= count:
            return
        time.sleep(0.02)
    pytest.fail(f"no {count} calls were made")


def _is_of_a_user_or_conversation(target: str) -> bool:
    return "/users/" in target or "/conversations" in target
