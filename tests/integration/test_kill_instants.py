"""SIGKILL at random instants of a larger run, in which answers take their time and files are half written."""

from __future__ import annotations

import os
import random
import signal
import time

from pipeline.config import CommitSettings
from tests.integration.conftest import Serve
from tests.integration.export_bench import KILLED, Bench
from tests.integration.lake_truth import (
    assert_all_files_whole,
    assert_no_message_twice,
    assert_same_as_world,
    same_lakes,
)

KILLS = 12
PAGES = 40
CONCURRENCY = 4


def test_kills_at_random_instants_cost_no_more_than_what_was_in_flight(serve: Serve) -> None:
    """After a dozen kills the lake is that of an undisturbed run, and few calls were made twice."""
    bench = serve("synthetic:seed=21,size=150", latency_ms=5, max_concurrency=CONCURRENCY)
    bench.commit = CommitSettings(seconds=600, pages=PAGES)
    undisturbed = Bench(bench.sandbox, bench.folder / "undisturbed", max_concurrency=64)
    undisturbed.export()
    bench.sandbox.reset_stats()
    dice = random.Random(7)
    killed = sum(_killed(bench, after=dice.randint(1, 60)) for _ in range(KILLS))
    bench.export()
    assert killed >= 10
    assert_same_as_world(bench.lake, bench.sandbox)
    assert_no_message_twice(bench.lake, app_id=bench.app_id)
    assert same_lakes(bench.lake, undisturbed.lake, app_id=bench.app_id)
    stats = bench.sandbox.stats()
    repeated = sum(count - 1 for target, count in stats["repeated"].items() if _is_of_a_unit(target))
    # What waits for a commit, what is read while it is written, and the step of each unit in flight.
    assert repeated <= killed * (2 * PAGES + 4 * CONCURRENCY)


def _killed(bench: Bench, *, after: int) -> bool:
    """Start an export and kill it a little after so many calls; False if it ended before."""
    assert bench.launcher is not None
    wanted = bench.sandbox.stats()["calls"] + after
    deadline = time.monotonic() + 30
    process = bench.launcher.start(["export"], environ=bench.environment(), folder=bench.folder)
    while bench.sandbox.stats()["calls"] < wanted and time.monotonic() < deadline:
        time.sleep(0.002)
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        assert bench.launcher.ended().code == 0
        return False
    code = bench.launcher.ended().code
    assert_all_files_whole(bench.lake)
    return code == KILLED


def _is_of_a_unit(target: str) -> bool:
    return "/users/" in target or "/conversations" in target
