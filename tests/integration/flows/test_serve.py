"""`sunlake serve`: schedules that really come, one run at a time, and a clean end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.environment import API_URL
from pipeline.walk.runs import RunState
from tests.integration.conftest import Serve
from tests.integration.export_bench import PROJECT, Bench
from tests.integration.flows.conftest import environment
from tests.integration.lake_truth import assert_no_message_twice, assert_same_as_world

pytestmark = pytest.mark.slow

WORLD = "synthetic:seed=41,size=60"
SCHEDULES = """
[[schedules]]
flow = "export"
cron = "* * * * *"
[[schedules]]
flow = "sweep"
cron = "* * * * *"
timezone = "Europe/Paris"
"""


def test_schedules_run_one_after_the_other_until_sigterm(serve: Serve, tmp_path: Path) -> None:
    """Two flows are due at the same minute; the second is stopped by SIGTERM in the middle and commits what it has."""
    bench = serve(WORLD, max_concurrency=2)
    process = _start(bench, tmp_path)
    try:
        _wait(process, lambda: "run.ended flow=" in (tmp_path / "log").read_text(), seconds=200)
        bench.sandbox.set_faults({"kind": "slow", "latency_ms": 400})
        bench.sandbox.reset_stats()
        _wait(process, lambda: bench.sandbox.stats()["calls"] > 20, seconds=90)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    said = (tmp_path / "output").read_text() + (tmp_path / "log").read_text()
    assert "next run" in said
    assert "state=Completed" in said
    assert "state=Cancelled" in said
    assert "Traceback" not in said
    assert not _left_running(tmp_path)
    states = [state for _, state in _runs(bench)]
    # A quick machine ends both flows before the server is made slow; what was stopped comes last in any case.
    assert states[-1] == "interrupted", said
    assert set(states[:-1]) == {"done"}, said
    bench.sandbox.set_faults()
    bench.export()
    assert_same_as_world(bench.lake, bench.sandbox)
    assert_no_message_twice(bench.lake, app_id=bench.app_id)


def test_a_server_that_does_not_answer_is_told(serve: Serve, tmp_path: Path) -> None:
    """PREFECT_API_URL is believed; if nobody is there, the message names it."""
    process = _start(serve(WORLD), tmp_path, **{API_URL: "http://127.0.0.1:9/api"})
    assert process.wait(60) == 1
    assert "http://127.0.0.1:9/api/ does not answer" in (tmp_path / "log").read_text()


def _start(bench: Bench, folder: Path, **environ: str) -> subprocess.Popen[bytes]:
    env = bench.environment() | environment(folder / "prefect") | environ
    env |= {"PYTHONPATH": str(PROJECT), "PREFECT_RUNNER_POLL_FREQUENCY": "2"}
    settings = Path(env["SUNLAKE_CONFIG"])
    settings.write_text(settings.read_text() + SCHEDULES)
    with (folder / "output").open("w") as output, (folder / "log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "pipeline.cli.main", "serve"], cwd=folder, env=env, stdout=output, stderr=log
        )


def _wait(process: subprocess.Popen[bytes], condition: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        if condition():
            return
        time.sleep(0.1)
    pytest.fail("`sunlake serve` did not do what it should")


def _left_running(folder: Path) -> list[str]:
    """Processes that work in the folder; they inherit it from what was started there."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder and int(process.name) != os.getpid():
                found.append((process / "cmdline").read_text())
        except OSError:
            continue  # it has ended, or is somebody else's
    return found


def _runs(bench: Bench) -> list[tuple[str, RunState]]:
    ledger = bench.ledger()
    with ledger.read() as connection:
        rows = connection.exec_driver_sql("select kind, state from runs order by started_at").fetchall()
    ledger.close()
    return [(row[0], row[1]) for row in rows]
