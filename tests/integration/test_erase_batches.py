"""Whole batches of erasure by the command line, over real HTTP: the acceptance tests of gdpr.md, section 10."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.config import CallSettings
from pipeline.sandbox.process import SandboxKey
from tests.forked import Sandbox
from tests.integration.erase_bench import EraseBench, decoded_rows, file_bytes, occurrences, upstream_messages
from tests.integration.erasure_bench import state
from tests.integration.erasure_town import (
    LEAVERS,
    MERGED,
    STAYERS,
    merge_change,
    needles_of,
    request_rows,
    town,
)
from tests.integration.export_driver import PUBLISHING
from tests.integration.lake_truth import raw_rows
from tests.integration.launcher import Launcher
from tests.integration.small_worlds import SmallWorld, oid

FEW = LEAVERS[:3]
Town = Callable[..., EraseBench]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The town."""
    with Sandbox(town().write(tmp_path_factory.mktemp("world"))) as running:
        yield running


@pytest.fixture(scope="module")
def template(server: Sandbox, tmp_path_factory: pytest.TempPathFactory, launcher: Launcher) -> EraseBench:
    """A lake of the whole town, in which two users were merged after the first export, with models."""
    bench = EraseBench(server, tmp_path_factory.mktemp("template"), launcher=launcher)
    bench.seed()
    bench.export()
    server.change(merge_change())
    bench.sweep()
    bench.sunlake("build")
    return bench


@pytest.fixture
def make(server: Sandbox, template: EraseBench, tmp_path: Path, launcher: Launcher) -> Town:
    """A function that gives the town as it was, with a copy of its lake."""

    def begin() -> EraseBench:
        server.reset()
        server.change(merge_change())
        bench = EraseBench(server, tmp_path / "bench", launcher=launcher, seed_files=template.seed_files)
        bench.copied_from(template.lake)
        return bench

    return begin


def all_needles(names: tuple[str, ...]) -> list[str]:
    """What gives any of them away."""
    return [needle for name in names for needle in needles_of(name)]


def theirs(row: str, needles: list[str]) -> bool:
    """Whether a row holds anything of somebody who leaves."""
    return any(needle in row for needle in needles)


def test_thirty_people_leave_and_nothing_of_others_changes(make: Town, server: Sandbox) -> None:
    """T1, T2, T9: all of the thirty is gone everywhere, and the rows and messages of others are what they were.

    Among the thirty are members of groups, default conversations, a merged user, one who is quoted, and media of a
    foreign host. A second batch of the same people rewrites nothing; and nobody is named in what commands print or
    write down.
    """
    bench = make()
    needles = all_needles((*LEAVERS, MERGED))
    before, upstream = sorted(decoded_rows(bench.lake)), upstream_messages(server)
    bench.sunlake("--verbose", "erase", "plan", str(bench.requests(request_rows())), "--offline")
    ended = bench.sunlake("--verbose", *bench.plan(request_rows()), "--remove-input")
    assert ended.output.splitlines()[-1].startswith("complete")
    assert "scan: clean" in ended.output
    _assert_only_others(bench, before, needles)
    _assert_only_others_upstream(server, upstream)
    files = file_bytes(bench.lake)
    again = bench.sunlake("--verbose", *bench.plan(request_rows()), "--remove-input")
    assert again.output.splitlines()[-1].startswith("complete")
    assert file_bytes(bench.lake) == files
    batch = bench.batches()[-1].name
    steps = {
        deed["step"]: deed["status"] for deed in bench.deeds() if deed["batch"] == batch and deed["event"] == "end"
    }
    assert steps["lake"] == "already"
    for command in ("status", "verify"):
        bench.sunlake("--verbose", "erase", command)
    assert not occurrences(bench.privacy, needles)
    assert not occurrences(bench.home, needles)
    assert not occurrences(bench.temporary, needles)
    assert not [needle for needle in needles if any(needle in said for said in bench.said)]


def _assert_only_others(bench: EraseBench, before: list[tuple[str, str, str]], needles: list[str]) -> None:
    """The lake holds just the rows that named nobody who left; quotes of them are taken out of what stays."""
    after = sorted(decoded_rows(bench.lake))
    assert not [path for _, path, row in after if theirs(row, needles)]
    kept = {row for row in before if not theirs(row[2], needles)}
    quoting = {oid(f"group-of-{name}/quote") for name in LEAVERS[:10]}
    shared = {oid(f"group-of-{name}") for name in LEAVERS[:10]}
    changed = [row for row in after if row not in kept]
    assert {row for row in kept if row not in set(after)} == set()
    assert len(changed) == len(quoting)
    assert all(any(key in row and "erased" in row for key in quoting) for _, _, row in changed)
    groups = {row["conversation_id"] for row in raw_rows(bench.lake, "conversations", app_id=bench.app_id)}
    assert shared <= groups


def _assert_only_others_upstream(server: Sandbox, before: dict[str, dict[str, object]]) -> None:
    left = {row["object"]["id"] for row in server.world("users")}
    assert left == {oid(name) for name in STAYERS}
    after = upstream_messages(server)
    stay = {
        oid(f"group-of-{name}/{stayer}/{n}") for name, stayer in zip(LEAVERS, STAYERS, strict=False) for n in range(3)
    }
    stay |= {oid(f"group-of-{name}/quote") for name in LEAVERS[:10]}
    stay |= {oid(f"{name}-{kind}#{n}") for name in STAYERS for kind in ("default", "extra") for n in range(3)} & set(
        before
    )
    assert stay <= set(after)
    assert all(after[key] == before[key] for key in stay)


def test_an_export_and_a_flood_of_changes_bring_nobody_back(make: Town, server: Sandbox) -> None:
    """T3: an export runs as a process during all of the batch, and leavers go on writing; nobody is ever there again.

    There is no receiver of webhooks, hence the flood is one of changes upstream, which the export would pick up.
    """
    bench = make()
    apply = bench.plan(request_rows(FEW))
    flood = [
        {"op": "add_messages", "conversation_id": oid(f"{name}-{kind}"), "count": 5}
        for name in FEW
        for kind in ("default", "extra")
    ]
    flood += [{"op": "add_messages", "conversation_id": oid(f"group-of-{name}"), "count": 5} for name in FEW]
    server.change(*flood)
    with _stopped_export(bench) as running:
        server.schedule(*({"after_calls": calls, "route": "", "changes": flood} for calls in (5, 15, 30)))
        ended = bench.driven(*apply, "--remove-input")
        assert running.poll() is None, "the export is older than the batch, and outlives it"
        running.send_signal(signal.SIGCONT)
        said = running.communicate(timeout=60)
    assert running.returncode == 0, said[0][-900:] + said[1][-1500:]
    assert "left out, since they were suppressed" in "".join(said)
    # What the export had staged before it was stopped was no secret to the scan.
    assert (ended.code, "the scan found" in ended.errors) in {(0, False), (3, True)}, ended
    if ended.code:
        ended = bench.sunlake(*apply)
    assert ended.output.splitlines()[-1].startswith("complete")
    needles = all_needles((*FEW, MERGED))
    for arguments in (("export",), ("export", "--sweep"), ("export",)):
        bench.sunlake(*arguments)
        assert not [path for _, path, row in decoded_rows(bench.lake) if theirs(row, needles)]
    assert "nobody is back" in bench.sunlake("erase", "verify").output


@contextmanager
def _stopped_export(bench: EraseBench) -> Iterator[subprocess.Popen[str]]:
    """An export that has read everything, and has stopped itself where it would decide what to publish."""
    stop = {"DRIVER_STOP_AT": f"{PUBLISHING}#1", "SUNLAKE_COMMIT_SECONDS": "600"}
    running = bench.start("export", "--sweep", module="tests.integration.export_driver", **stop)
    try:
        _wait_until_stopped(running)
        yield running
    finally:
        running.kill()
        running.wait()


def _wait_until_stopped(process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        state = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "T":
            return
        time.sleep(0.02)
    pytest.fail("the export did not come so far")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A server that knows another app only."""
    world = SmallWorld("elsewhere").user("somebody")
    with Sandbox(world.write(tmp_path_factory.mktemp("elsewhere"))) as running:
        yield running


def test_an_app_that_is_not_there_reads_as_no_success(make: Town, server: Sandbox, elsewhere: Sandbox) -> None:
    """T5: a server that does not know the app is fatal: nothing is called done, and right settings make it good."""
    bench = make()
    apply = bench.plan(request_rows(FEW))
    files = file_bytes(bench.lake)
    bench.sandbox = _Mistaken(elsewhere)
    ended = bench.sunlake(*apply, "--remove-input", code=1)
    assert "Traceback" not in ended.errors
    assert file_bytes(bench.lake) == files
    ends = [deed for deed in bench.deeds() if deed["event"] == "end"]
    assert [deed["status"] for deed in ends if deed["step"] == "known_good"] == ["fatal"]
    assert {deed["step"] for deed in ends} == {"suppress", "known_good"}
    assert not elsewhere.destroying()
    assert not server.destroying()
    bench.sandbox = server
    assert bench.sunlake(*apply, "--remove-input").output.splitlines()[-1].startswith("complete")


class _Mistaken(Sandbox):
    """The server at whose address, and with whose key, the settings ask for an app that is not its own."""

    def __init__(self, other: Sandbox) -> None:
        self._other = other

    @property
    def base_url(self) -> str:
        return self._other.base_url

    def key(self, scope: str = "app", *, app_id: str | None = None) -> SandboxKey:
        return self._other.key(scope)


FAULTS = {
    "429": ({"kind": "status", "status": 429, "probability": 0.3, "times": 40},),
    "reset": ({"kind": "reset", "probability": 0.3, "times": 40},),
    "silence": ({"kind": "hang", "after": 3, "times": 4}, {"kind": "hang", "after": 20, "times": 2, "executed": True}),
}


@pytest.fixture(scope="module")
def calm(template: EraseBench, server: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> tuple[object, object]:
    """What an erasure of a few without faults leaves upstream and in the lake."""
    server.reset()
    server.change(merge_change())
    folder = tmp_path_factory.mktemp("calm")
    bench = EraseBench(server, folder, launcher=template.launcher, seed_files=template.seed_files)
    bench.copied_from(template.lake)
    bench.erase(request_rows(FEW))
    return state(server), sorted(decoded_rows(bench.lake))


@pytest.mark.parametrize("name", FAULTS)
def test_faults_of_the_server_change_nothing_in_the_end(
    make: Town, server: Sandbox, calm: tuple[object, object], name: str
) -> None:
    """T10: 429, broken connections and silence anywhere: the same final state, and complete only when it is.

    That every call may fail is shown by `test_erase_faults`.
    """
    bench = make()
    bench.calls = CallSettings(read_seconds=0.5, total_seconds=20)
    apply = bench.plan(request_rows(FEW))
    server.set_faults(*FAULTS[name])
    ended = bench.driven(*apply, "--remove-input")
    server.set_faults()
    if ended.code == 3:
        assert ended.output.splitlines()[-1].startswith("partial")
        ended = bench.driven(*apply, "--remove-input")
    assert (ended.code, ended.output.splitlines()[-1][:8]) == (0, "complete"), ended
    assert (state(server), sorted(decoded_rows(bench.lake))) == calm


def test_a_server_that_stays_broken_is_partial_until_it_is_not(
    make: Town, server: Sandbox, calm: tuple[object, object]
) -> None:
    """T10: users that can't be deleted make the batch partial (exit code 3), the lake is erased all the same."""
    bench = make()
    bench.calls = CallSettings(read_seconds=1, total_seconds=1)
    apply = bench.plan(request_rows(FEW))
    server.set_faults({"kind": "status", "status": 503, "route": "DELETE /v2/apps/{appId}/users/{userIdOrExternalId}"})
    ended = bench.sunlake(*apply, "--remove-input", code=3)
    assert ended.output.splitlines()[-1].startswith("partial")
    assert "open: upstream failed_retryable" in ended.errors
    assert sorted(decoded_rows(bench.lake)) == calm[1]
    server.set_faults()
    assert bench.sunlake(*apply, "--remove-input").output.splitlines()[-1].startswith("complete")
    assert state(server) == calm[0]


def test_a_restored_backup_is_found_and_erased_again(make: Town) -> None:
    """T7: data and ledger of before come back beside the present list of suppressions; `replay` makes it good."""
    bench = make()
    shutil.copytree(bench.lake, bench.folder / "backup")
    bench.erase(request_rows(FEW))
    shutil.move(bench.privacy, bench.folder / "privacy")
    bench.copied_from(bench.folder / "backup")
    shutil.rmtree(bench.folder / "backup")
    shutil.move(bench.folder / "privacy", bench.privacy)
    found = bench.sunlake("erase", "verify", code=1)
    assert "ids of people who were erased" in found.output
    assert "scan: clean" in bench.sunlake("erase", "replay").output
    assert "nobody is back" in bench.sunlake("erase", "verify").output
    needles = all_needles((*FEW, MERGED))
    assert not [path for _, path, row in decoded_rows(bench.lake) if theirs(row, needles)]
    assert not occurrences(bench.lake, needles)


@pytest.mark.parametrize("harm", ["flip", "cut"])
def test_a_ledger_of_deeds_that_was_touched_stops_everything(make: Town, harm: str) -> None:
    """T8: one flipped byte or a missing tail is noticed by the next command, which says so and changes nothing."""
    bench = make()
    bench.plan(request_rows(FEW[:1]))
    apply = bench.plan(request_rows(FEW))
    file = bench.privacy / "deeds.jsonl"
    data = bytearray(file.read_bytes())
    if harm == "flip":
        data[len(data) // 3] ^= 1
    else:
        del data[data[:-1].rfind(b"\n") + 1 :]
    file.write_bytes(data)
    for command in (apply, ("erase", "verify"), ("erase", "status")):
        ended = bench.sunlake(*command, code=1)
        assert "the ledger of deeds" in ended.errors
    assert file.read_bytes() == bytes(data)
