"""A flow run that is killed, in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from pipeline.config import CommitSettings
from tests.integration.conftest import Serve
from tests.integration.export_bench import PROJECT, Bench
from tests.integration.flows.conftest import PrefectServer
from tests.integration.lake_truth import assert_all_files_whole, assert_no_message_twice, assert_same_as_world

WORLD = "synthetic:seed=23,size=150"
CONCURRENCY = 4
ROWS = 150
RUN = """
import asyncio
from flows.export import export
from flows.outcome import exit_code
raise SystemExit(exit_code(asyncio.run(export(return_state=True))))
"""


def test_a_flow_that_is_killed_is_resumed(serve: Serve, server: PrefectServer) -> None:
    """Run again, it goes on: every message is there once, and only what was in flight is asked for twice."""
    bench = serve(WORLD, latency_ms=15, max_concurrency=CONCURRENCY, commit=CommitSettings(seconds=600, rows=ROWS))
    killed = _start(bench, server)
    _wait_for_commits(bench, 5)
    killed.kill()
    output, errors = killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL, output + errors
    assert_all_files_whole(bench.lake)
    made = bench.sandbox.stats()["calls"]
    again = _start(bench, server)
    output, errors = again.communicate(timeout=120)
    assert again.returncode == 0, output + errors
    assert_same_as_world(bench.lake, bench.sandbox)
    assert_no_message_twice(bench.lake, app_id=bench.app_id)
    repeated = [
        target for target in bench.sandbox.stats()["repeated"] if "/users/" in target or "/conversations" in target
    ]
    # A kill loses what no commit had covered: less than ROWS rows, of which each call brings at least one.
    assert len(repeated) < min(ROWS, made), repeated


def _start(bench: Bench, server: PrefectServer) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN],
        env=bench.environment() | server.environ,
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _wait_for_commits(bench: Bench, count: int) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if len({path.name.partition("-")[0] for path in bench.lake.glob("messages/**/*.parquet")}) >= count:
            return
        time.sleep(0.02)
    pytest.fail(f"there were no {count} commits")
