"""What a batch meets outside the lake's tables: models that are put back, queries that still run, a kill at its end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.forked import Sandbox
from tests.integration.erase_bench import EraseBench, occurrences
from tests.integration.erasure_town import email_of, needles_of, request_rows
from tests.integration.export_bench import KILLED
from tests.integration.launcher import Launcher
from tests.integration.small_worlds import SmallWorld, oid

ROOT = Path(__file__).parents[2]
QUERY = """
import sys, time
from pathlib import Path
from pipeline.spill import spill_folder

folder = spill_folder(Path(sys.argv[1]))
folder.mkdir()
(folder / "duckdb_temp_storage-0.tmp").write_text(sys.argv[2])
print("spilled", flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Two people with a conversation each."""
    world = SmallWorld("leftovers")
    for name in ("leaver", "stayer"):
        profile = {"givenName": f"Given{name}", "surname": f"Surname{name}", "email": email_of(name)}
        world.user(name, clients=[f"{name}-web"], externalId=f"crm-{name}", profile=profile)
        world.conversation(f"{name}-default", [name], messages=3, isDefault=True)
    with Sandbox(world.write(tmp_path_factory.mktemp("world"))) as running:
        yield running


@pytest.fixture
def bench(server: Sandbox, launcher: Launcher, tmp_path: Path) -> EraseBench:
    """An exported lake with models."""
    server.reset()
    bench = EraseBench(server, tmp_path, launcher=launcher)
    bench.seed()
    bench.export()
    bench.sunlake("build")
    return bench


def test_models_that_were_put_back_go_with_the_next_run(bench: EraseBench) -> None:
    """The lake itself is clean by then; a copy of the warehouse beside it goes as well, and new models come."""
    private = bench.lake / "_sunlake"
    shutil.copy(private / "warehouse.duckdb", bench.folder / "old.duckdb")
    shutil.copytree(bench.lake / "marts", bench.folder / "old marts")
    note = bench.temporary / "note.txt"
    note.write_text(email_of("leaver"))
    plan = bench.plan(request_rows(["leaver"]))
    ended = bench.sunlake(*plan, "--remove-input", code=3)
    assert "tmp/note.txt" in ended.errors
    assert "TMPDIR" in ended.errors
    note.unlink()
    for name in ("warehouse.duckdb", "warehouse-of-may.duckdb"):
        shutil.copy(bench.folder / "old.duckdb", private / name)
    shutil.rmtree(bench.lake / "marts")
    shutil.copytree(bench.folder / "old marts", bench.lake / "marts")
    assert bench.sunlake(*plan).output.splitlines()[-1].startswith("complete")
    assert not (private / "warehouse-of-may.duckdb").exists()
    assert (private / "warehouse.duckdb").exists()
    assert list((bench.lake / "marts").rglob("*.parquet"))
    assert not occurrences(bench.lake, needles_of("leaver"))


@pytest.mark.parametrize("point", ["after end of close#2", "after deed work_destroyed", "before deed report"])
def test_a_report_that_is_written_after_a_kill_shows_the_scan(bench: EraseBench, point: str) -> None:
    """Also where the work file is destroyed, so that nobody could scan again."""
    plan = bench.plan(request_rows(["leaver"]))
    killed = bench.driven(*plan, "--remove-input", DRIVER_KILL_AT=point if "#" in point else f"{point}#1")
    assert killed.code == KILLED, killed
    ended = bench.sunlake(*plan)
    assert "scan: clean" in ended.output
    report = _report(bench)
    assert report["scan"]["verdict"] == "clean"
    assert report["scan"]["files"] > 0
    assert report["status"]["state"] == "complete"
    assert "There was no scan" not in (bench.batches()[-1] / "report.md").read_text()


def test_a_query_that_runs_keeps_its_files_and_the_batch_open(bench: EraseBench) -> None:
    """Nothing is taken away from it; what it may hold of the person is told, and is gone when it has ended."""
    plan = bench.plan(request_rows(["leaver"]))
    with _query(bench) as query:
        ended = bench.sunlake(*plan[:-1], "0", "--remove-input", code=3)
        assert "1 running query may still keep what was there before" in ended.errors
        assert f"-{query.pid}-" in ended.errors
        assert query.poll() is None
        assert occurrences(bench.lake / "_sunlake" / "tmp", [email_of("leaver")])
    assert bench.sunlake(*plan).output.splitlines()[-1].startswith("complete")
    assert not occurrences(bench.lake, needles_of("leaver"))


def test_a_plan_that_was_made_offline_is_refused_if_upstream_knows_somebody_else(bench: EraseBench) -> None:
    """Whom only upstream knows by an address was not confirmed; nothing is done, here or there."""
    bench.sandbox.change({"op": "add_user", "user": {"id": oid("new"), "externalId": "crm-new", "profile": {}}})
    row = request_rows(["leaver"])[0] | {"user_id": "", "external_id": "crm-new"}
    requests = str(bench.requests([row]))
    told = json.loads(bench.sunlake("erase", "plan", requests, "--offline", "--json").output)
    refused = bench.sunlake("erase", "apply", "--plan", told["plan_id"], "--confirm", told["confirmation"], code=2)
    assert "plan again without --offline" in refused.errors
    assert "crm-new" not in refused.errors
    assert not bench.sandbox.destroying()
    assert [deed["event"] for deed in bench.deeds()] == ["plan"]
    assert bench.erase([row]).output.splitlines()[-1].startswith("complete")


def test_a_key_that_was_refused_once_is_no_matter_of_a_batch_that_is_complete(bench: EraseBench) -> None:
    """The report tells of the last scan, and of nothing not done; of a query it is said that it names people."""
    (row,) = request_rows(["leaver"])
    wanted = ", ".join(f"'{value}' as {name}" for name, value in row.items() if value)
    told = json.loads(bench.sunlake("erase", "plan", f"select {wanted}", "--json").output)
    plan = ("erase", "apply", "--plan", told["plan_id"], "--confirm", told["confirmation"], "--remove-input")
    refused = bench.driven(*plan, SECRET="wrong")
    assert (refused.code, "the key was refused" in refused.errors) == (1, True)
    assert "known_good (fatal)" in bench.sunlake("erase", "status").output
    note = bench.temporary / "note.txt"
    note.write_text(email_of("leaver"))
    bench.sunlake(*plan, code=3)
    note.unlink()
    assert "what it read names everybody still" in bench.sunlake(*plan).errors
    report = _report(bench)
    assert report["status"]["left"] == []
    assert report["done"]["scan"]["hits"] == 0
    assert report["done"]["close"]["subjects"] == 1


@contextmanager
def _query(bench: EraseBench) -> Iterator[subprocess.Popen[str]]:
    """A process that has spilled what it read of the leaver, until it is killed."""
    query = subprocess.Popen(
        [sys.executable, "-c", QUERY, bench.lake / "_sunlake", email_of("leaver")],
        cwd=ROOT,
        env=os.environ | bench.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert query.stdout is not None
    try:
        assert query.stdout.readline() == "spilled\n"
        yield query
    finally:
        query.send_signal(signal.SIGKILL)
        query.wait()
        query.stdout.close()


def _report(bench: EraseBench) -> dict[str, Any]:
    return dict(json.loads((bench.batches()[-1] / "report.json").read_bytes()))
