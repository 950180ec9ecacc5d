"""`sunlake access` as a process, on a lake that was exported over HTTP."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import CallSettings
from pipeline.lake.layout import open_lake
from pipeline.privacy.access.archive import part_of
from pipeline.privacy.access.register import list_copies
from pipeline.suppression.keys import new_key_text
from tests.integration.conftest import Serve
from tests.integration.export_bench import PROJECT, Bench
from tests.integration.small_worlds import SmallWorld, oid

KEYS = {"SUNLAKE_PRIVACY_KEY": new_key_text(), "SUNLAKE_DEEDS_KEY": new_key_text()}
MESSAGES = "GET /v2/apps/{appId}/conversations/{conversationId}/messages"
COLUMNS = "request_ref,user_id,action,received_at,verified_by,reason_code"


@pytest.fixture
def bench(serve: Serve) -> Bench:
    """An exported world of two people."""
    world = SmallWorld("copies").user("ann").user("bob")
    bench = serve(world.conversation("a", ["ann"], messages=3).conversation("b", ["bob"]))
    bench.export()
    return bench


@pytest.mark.parametrize("options", [[], ["--offline"]])
def test_everybody_who_is_found_gets_a_registered_copy(bench: Bench, options: list[str]) -> None:
    """The one who is not found is named by the reference alone, and the exit code says that it was done in part."""
    requests = _requests(bench, f"T-1,{oid('ann')},access", f"T-2,{oid('nobody')},access")
    ended = _access(bench, str(requests), *options)
    assert ended.returncode == 3, ended
    assert "T-2" in ended.stderr
    assert "set [privacy] controller" in ended.stderr, (
        "who answers for the data is the operator's to say, not the copy's"
    )
    assert oid("ann") not in ended.stdout + ended.stderr
    (copy,) = list_copies(open_lake(bench.lake, create=False))
    found = hashlib.sha256(Path(copy.path).read_bytes()).hexdigest()
    assert copy.sha256 == found
    assert found in ended.stdout


@pytest.mark.parametrize(
    ("options", "fault", "code", "told"),
    [
        ([], [{"kind": "status", "status": 503, "route": MESSAGES}], 3, ("PARTIAL", "did not tell everything")),
        (["--offline"], [], 0, ("not asked", "the last complete export began at 20")),
    ],
)
def test_doubt_is_told_and_nobody_is_named(
    bench: Bench, options: list[str], fault: list[dict[str, Any]], code: int, told: tuple[str, str]
) -> None:
    """The terminal says what a copy may lack; no id, name, text or key is on it, nor in any log or name of a file."""
    bench.calls = CallSettings(read_seconds=5.0, total_seconds=0.5)
    bench.sandbox.set_faults(*fault)
    ended = _access(bench, str(_requests(bench, f"T-1,{oid('ann')},access")), *options)
    assert ended.returncode == code, ended
    output = ended.stdout + ended.stderr
    assert told[0] in ended.stdout
    assert told[1] in ended.stderr
    logs = "".join(file.read_text(errors="replace") for file in bench.lake.rglob("*.log*"))
    names = "".join(str(file) for file in bench.folder.rglob("*"))
    for secret in (oid("ann"), oid("a"), "Text of", bench.key.secret, KEYS["SUNLAKE_PRIVACY_KEY"]):
        assert secret not in output + logs + names


def test_a_batch_that_asks_for_something_else_is_refused(bench: Bench) -> None:
    """Nothing is written, and the exit code is that of wrong use."""
    ended = _access(bench, str(_requests(bench, f"T-1,{oid('ann')},erase")))
    assert ended.returncode == 2, ended
    assert not (bench.folder / "copies").exists()


def test_a_kill_leaves_no_copy_that_nobody_knows_of(bench: Bench) -> None:
    """Whatever file a killed run left is in the register, or is the unfinished part of one that is."""
    arguments = ["access", str(_requests(bench, f"T-1,{oid('ann')},access")), "--offline", "--out"]
    # The first run makes folders and the ledger of deeds, which later ones find.
    _points(bench, *arguments, str(bench.folder / "first"))
    points = _points(bench, *arguments, str(bench.folder / "undisturbed"))
    numbers = [number for number, name in enumerate(points, 1) if name.startswith(("before", "after"))]
    assert len(numbers) >= 8
    for number in numbers[:: max(1, len(numbers) // 12)]:
        out = bench.folder / f"copies-{number}"
        assert bench.driven(*arguments, str(out), DRIVER_KILL_AT=str(number), **KEYS).code == -9
        known = {Path(copy.path) for copy in list_copies(open_lake(bench.lake, create=False))}
        left = set(out.iterdir()) if out.exists() else set()
        assert left <= known | {part_of(path) for path in known}, f"killed at {number}: {points[number - 1]}"


def _requests(bench: Bench, *rows: str) -> Path:
    file = bench.folder / "requests.csv"
    file.write_text("\n".join([COLUMNS, *(f"{row},2026-02-01T10:00:00Z,desk,access" for row in rows)]) + "\n")
    return file


def _points(bench: Bench, *arguments: str) -> list[str]:
    trace = bench.folder / "trace"
    trace.unlink(missing_ok=True)
    ended = bench.driven(*arguments, DRIVER_TRACE=str(trace), **KEYS)
    assert ended.code == 0, ended
    return trace.read_text().splitlines()


def _access(bench: Bench, *arguments: str) -> subprocess.CompletedProcess[str]:
    out = str(bench.folder / "copies")
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli.main", "access", *arguments, "--out", out],
        env=bench.environment() | KEYS,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
