"""A disk that is full, files that may not grow, a lake that may not be written, versions from the future."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forked import Sandbox
from tests.integration.export_bench import PROJECT, Bench
from tests.integration.lake_truth import assert_all_files_whole, assert_no_message_twice, assert_same_as_world
from tests.integration.launcher import Launcher


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    """A server for all tests of this module."""
    with Sandbox("synthetic:seed=3,size=60") as sandbox:
        yield sandbox


@pytest.fixture
def bench(server: Sandbox, tmp_path: Path, launcher: Launcher) -> Bench:
    """A lake of its own for each test."""
    bench = Bench(server, tmp_path, launcher=launcher)
    bench.seed()
    return bench


@pytest.mark.parametrize("kilobytes", [100, 200, 300])
def test_a_full_disk_is_told_and_costs_nothing(bench: Bench, kilobytes: int) -> None:
    """The run fails with the reason and the remedy; with more room, the next one completes the lake."""
    bench.lake.mkdir()
    if subprocess.run(_mount(bench.lake, kilobytes), check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk takes root")
    try:
        failed = bench.driven("export")
        assert failed.code == 1, failed
        assert "disk" in failed.output + failed.errors
        assert "Traceback" not in failed.errors
        assert_all_files_whole(bench.lake)
        subprocess.run(_mount(bench.lake, 100_000, "remount"), check=True)
        bench.export()
        assert_same_as_world(bench.lake, bench.sandbox)
        assert_no_message_twice(bench.lake, app_id=bench.app_id)
    finally:
        subprocess.run(["umount", "-l", str(bench.lake)], check=True)


def test_files_that_may_not_grow_are_told_and_cost_nothing(bench: Bench) -> None:
    """Under `ulimit -f` the run fails with the reason; without it, the next one completes the lake."""
    process = subprocess.run(
        [sys.executable, "-m", "pipeline.cli.main", "export"],
        env=bench.environment(),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=_limit_file_size,
    )
    assert process.returncode == 1, process
    assert "ulimit" in process.stdout + process.stderr or "disk" in process.stdout + process.stderr
    assert "Traceback" not in process.stderr
    assert_all_files_whole(bench.lake)
    bench.export()
    assert_same_as_world(bench.lake, bench.sandbox)


def test_a_read_only_lake_is_told_before_any_call(bench: Bench) -> None:
    """A lake on a read-only file system fails with the remedy, and the server is asked nothing."""
    bench.export()
    bench.sandbox.reset_stats()
    mounted = subprocess.run(["mount", "--bind", bench.lake, bench.lake], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting takes root")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(bench.lake)], check=True)
        failed = bench.driven("export")
        assert failed.code == 1
        assert "read-only" in failed.output + failed.errors
        assert bench.sandbox.stats()["calls"] == 0
        assert bench.driven("sql", "select count(*) from messages").code == 0, "it can still be read"
    finally:
        subprocess.run(["umount", "-l", str(bench.lake)], check=True)
    bench.export()
    assert_same_as_world(bench.lake, bench.sandbox)


def test_a_ledger_of_a_later_version_is_left_alone(bench: Bench) -> None:
    """A ledger from the future is refused with the advice to upgrade, by export, compact and status alike."""
    bench.export()
    ledger = bench.lake / "_sunlake" / "ledger.db"
    with sqlite3.connect(ledger) as connection:
        connection.execute("update meta set value = '99' where key = 'version'")
    connection.close()
    for command in ("export", "compact", "status"):
        refused = bench.driven(command)
        assert refused.code == 1, refused
        assert "version 99" in refused.output + refused.errors
        assert "pip install -U sunlake" in refused.output + refused.errors


def test_repair_does_not_set_a_ledger_of_a_later_version_aside(bench: Bench) -> None:
    """What a newer sunlake has recorded is no damage."""
    bench.export()
    ledger = bench.lake / "_sunlake" / "ledger.db"
    with sqlite3.connect(ledger) as connection:
        connection.execute("update meta set value = '99' where key = 'version'")
    connection.close()
    refused = bench.driven("repair")
    assert refused.code == 1, refused
    assert "pip install -U sunlake" in refused.errors
    assert ledger.exists()


def test_the_second_writer_is_told_who_the_first_is(bench: Bench) -> None:
    """While one export runs, another one, a compaction and a repair end with exit code 1 and name its process."""
    bench.export()
    bench.sandbox.set_faults({"kind": "hang"})
    first = bench.start("export")
    try:
        _wait_for_lock(bench)
        for command in (["export"], ["compact"], ["repair"]):
            refused = bench.driven(*command)
            assert refused.code == 1, refused
            assert f"process {first.pid} on" in refused.output + refused.errors
            assert "`sunlake export` is writing" in refused.output + refused.errors
        status = bench.driven("status")
        assert status.code == 0
        assert f"process {first.pid}" in status.output
    finally:
        first.kill()
        first.communicate()
        bench.sandbox.set_faults()
    bench.export()
    assert_same_as_world(bench.lake, bench.sandbox)


def _mount(folder: Path, kilobytes: int, *options: str) -> list[str]:
    return ["mount", "-t", "tmpfs", "-o", ",".join([*options, f"size={kilobytes}k"]), "tmpfs", str(folder)]


def _limit_file_size() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))


def _wait_for_lock(bench: Bench) -> None:

    deadline = time.monotonic() + 30
    while bench.sandbox.stats()["in_flight"] < 1:
        assert time.monotonic() < deadline
        time.sleep(0.02)
