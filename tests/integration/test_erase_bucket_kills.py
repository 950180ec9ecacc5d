"""SIGKILL while people are erased from a bucket, and exports that run or were cut meanwhile (gdpr.md, section 6)."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.lake.layout import Lake
from pipeline.suppression.keys import load_keyring
from pipeline.suppression.listing import append, entries_for
from pipeline.suppression.subjects import Action, Subject
from tests.integration.erasure_town import request_rows
from tests.integration.export_bench import KILLED
from tests.integration.export_driver import PUBLISHING
from tests.integration.s3_erase_bench import MakeErasing, S3EraseBench, needles
from tests.integration.small_worlds import BEGINNING, HOUR, message, oid

LEAVER = ("leaver",)
POINTS = (
    "after bucket upload in derived",  # the first file is new, and its old version is still there
    "before bucket upload in rewrite",  # between two files: the second is proven, and nothing of it changed yet
    "after bucket delete in rewrite",  # a file of which nothing is left, and its old versions are
    "after version delete in versions",
)


def test_a_kill_at_any_step_is_made_good_by_the_same_command(erasing: MakeErasing) -> None:
    """Each file is old or new, whole; the next run goes on, and ends where an undisturbed one does.

    Kills follow one another: what one has left, the next run takes up and is killed further on. While an old version is
    left, `erase verify` finds the person in it.
    """
    bench = erasing()
    bench.keep_versions()
    bench.grow()
    old = bench.rows()
    apply = (*bench.plan(request_rows(LEAVER)), "--remove-input")
    snapshot, state = bench.snapshot(), bench.folder / "kept"
    shutil.copytree(bench.state, state)
    points = bench.points(*apply)
    assert not set(POINTS) - set(points)
    new = bench.rows()
    waiting = list(POINTS)
    while waiting:
        bench.sandbox.reset()
        bench.restore(snapshot, state)
        bench.requests(request_rows(LEAVER))
        killed = []
        while waiting and bench.driven(*apply, DRIVER_KILL_AT=f"{waiting[0]}#1").code == KILLED:
            killed.append(waiting.pop(0))
            assert set(bench.rows()) <= {*old, *new}, killed
            if killed[-1] == "after bucket upload in derived":
                said = bench.driven("erase", "verify")
                assert (said.code, "the scan is residual" in said.errors) == (1, True), said
        assert killed, f"no run comes to {waiting[0]}"
        ended = bench.driven(*apply)
        assert ended.code == 0 or "carried out to its end" in ended.errors, (killed, ended)
        assert (bench.rows(), bench.saying(needles()), bench.older()) == (new, [], []), killed


def test_an_export_that_fetched_a_person_before_cannot_publish_them_afterwards(erasing: MakeErasing) -> None:
    """T3: it is older than the batch and outlives it; what it had read of the person never gets into the bucket."""
    bench = erasing()
    bench.keep_versions()
    bench.sunlake("export")
    apply = bench.plan(request_rows(LEAVER))
    said = message("last words", BEGINNING + HOUR * 60, author="leaver", text="Last words of leaver")
    bench.sandbox.change({"op": "add_messages", "conversation_id": oid("group"), "messages": [said]})
    with _stopped_export(bench) as running:
        ended = bench.driven(*apply, "--remove-input")
        assert running.poll() is None
        running.send_signal(signal.SIGCONT)
        told = running.communicate(timeout=60)
    assert running.returncode == 0, told
    assert "left out, since they were suppressed" in "".join(told)
    if ended.code:  # what the export had staged on this machine was no secret to the scan
        assert "the scan found" in ended.errors, ended
        ended = bench.sunlake(*apply)
    assert ended.output.splitlines()[-1].startswith("complete")
    bench.sunlake("export", "--sweep")
    assert bench.saying(needles()) == []
    assert "nobody is back" in bench.sunlake("erase", "verify").output


@pytest.mark.parametrize("is_state_lost", [False, True])
def test_a_commit_that_was_cut_is_filtered_before_it_is_finished(
    erasing: MakeErasing, monkeypatch: pytest.MonkeyPatch, *, is_state_lost: bool
) -> None:
    """What lies staged in the bucket was admitted before the person was kept out, and is admitted anew."""
    bench = erasing()
    bench.keep_versions()
    bench.sunlake("export")
    said = message("last words", BEGINNING + HOUR * 60, author="leaver", text="Last words of leaver")
    bench.sandbox.change({"op": "add_messages", "conversation_id": oid("group"), "messages": [said]})
    assert bench.driven("export", DRIVER_KILL_AT="before bucket copy#1").code == KILLED
    for name, value in bench.keys.items():
        monkeypatch.setenv(name, value)
    leaver = Subject(app_id=bench.app_id, tag="t", action=Action.ERASE, user_ids=frozenset({oid("leaver")}))
    keyring, until = load_keyring(bench.settings()), datetime(2100, 1, 1, tzinfo=UTC)
    append(Lake(bench.place), entries_for(leaver, keyring, batch="b", until=until))
    if is_state_lost:
        shutil.rmtree(bench.place.private / "staging")
    bench.sunlake("export")
    assert "Last words of leaver" not in repr(bench.rows())
    assert not [key for key in bench.server.keys(bench.bucket) if "/staging/" in key]
    assert bench.saying(["Last words of leaver"]), "as older versions of what was staged"
    if is_state_lost:
        return
    assert bench.erase(request_rows(LEAVER)).output.splitlines()[-1].startswith("complete")
    assert (bench.saying(needles()), bench.older()) == ([], [])


@contextmanager
def _stopped_export(bench: S3EraseBench) -> Iterator[subprocess.Popen[str]]:
    """An export that has read everything, and has stopped itself where it would decide what to publish."""
    stop = {"DRIVER_STOP_AT": f"{PUBLISHING}#1", "SUNLAKE_COMMIT_SECONDS": "600"}
    running = bench.start("export", "--sweep", module="tests.integration.export_driver", **stop)
    try:
        deadline = time.monotonic() + 60
        while Path(f"/proc/{running.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            assert time.monotonic() < deadline, "the export did not come so far"
            time.sleep(0.02)
        yield running
    finally:
        running.kill()
        running.wait()
