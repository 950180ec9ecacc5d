"""When the storage refuses, is shared, or gives back something else than was written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.config import CommitSettings
from tests.forked import Sandbox
from tests.integration.conftest import Serve
from tests.integration.export_bench import Bench
from tests.integration.lake_truth import (
    assert_all_files_whole,
    assert_no_message_twice,
    assert_same_as_world,
    data_files,
)
from tests.integration.small_worlds import SmallWorld, oid

WORLD = "synthetic:seed=3,size=30"


def test_a_commit_whose_files_cannot_be_published_is_finished_by_the_next_run(serve: Serve) -> None:
    """A disk that refuses the rename after the decision costs nothing: the staged files wait for the next start."""
    bench = serve(WORLD)
    bench.lake.mkdir()
    (bench.lake / "messages").write_text("a file where the folder should be")
    blocked = bench.export(expect="failed")
    assert "a file stands where a folder is needed" in str(blocked.message)
    (bench.lake / "messages").unlink()
    bench.export()
    assert_same_as_world(bench.lake, bench.sandbox)
    assert_no_message_twice(bench.lake, app_id=bench.app_id)


@pytest.mark.parametrize("commit", [CommitSettings(pages=10), CommitSettings(pages=100_000, seconds=600)])
@pytest.mark.parametrize("fail_from", [9, 15, 25])
def test_a_run_whose_disk_dies_ends_and_says_so(serve: Serve, commit: CommitSettings, fail_from: int) -> None:
    """However early operations begin to fail, the process ends with exit code 1, and the next completes."""
    bench = serve(WORLD, commit=commit)
    ended = bench.driven("export", DRIVER_FAIL_FROM=str(fail_from))
    assert ended.code == 1
    output, errors = ended.output, ended.errors
    assert "the disk is dying" in output + errors
    assert "Traceback" not in output + errors
    assert_all_files_whole(bench.lake)
    bench.export()
    assert_same_as_world(bench.lake, bench.sandbox)
    assert_no_message_twice(bench.lake, app_id=bench.app_id)


def test_processes_that_export_different_apps_may_create_the_lake_together(tmp_path: Path) -> None:
    """Three writers, one for each app, start at the same instant on a lake that is not there yet; all succeed."""
    worlds = [f"synthetic:seed={seed},size=4" for seed in (3, 4, 5)]
    with Sandbox(*worlds) as sandbox:
        for attempt in range(2):
            lake = tmp_path / f"lake-{attempt}"
            benches = [
                Bench(sandbox, tmp_path / f"{attempt}-{app_id}", app_id=app_id, shared_lake=lake)
                for app_id in sandbox.app_ids
            ]
            for bench in benches:
                bench.seed()
            processes = [bench.start("export") for bench in benches]
            ended = [(process.communicate(timeout=60), process.returncode) for process in processes]
            assert [code for _, code in ended] == [0, 0, 0], ended
            for bench in benches:
                assert_same_as_world(lake, sandbox, app_id=bench.app_id)


@pytest.mark.parametrize("damage", ["cut", "zeros", "flipped header", "noise"])
def test_a_damaged_file_is_named_together_with_the_remedy(serve: Serve, damage: str) -> None:
    """A sweep that meets a file which can't be read ends with a message naming that file and `sunlake repair`."""
    bench = serve(SmallWorld("damaged").user("anna").conversation("talk", ["anna"], messages=30))
    bench.export()
    file = next(path for path in data_files(bench.lake) if "messages" in path.parts)
    data = bytearray(file.read_bytes())
    if damage == "cut":
        del data[len(data) // 2 :]
    elif damage == "zeros":
        data[200:1200] = bytes(1000)
    elif damage == "flipped header":
        data[5] ^= 0x0F  # the page header behind the magic bytes
    else:
        data = bytearray(b"PAR1" + bytes(range(256)) * 20 + b"PAR1")
    file.write_bytes(data)
    bench.sandbox.change({"op": "delete_message", "conversation_id": oid("talk"), "message_id": oid("talk#3")})
    summary = bench.export("sweep", expect="failed")
    assert file.name in str(summary.message)
    assert "sunlake repair" in str(summary.message)


def test_a_lake_of_a_later_version_is_left_alone(serve: Serve) -> None:
    """A format from the future is refused with the advice to upgrade, and nothing is written."""
    bench = serve(SmallWorld("future").user("anna"))
    bench.export()
    marker = bench.lake / "_sunlake" / "lake.json"
    marker.write_text('{"format": 99}')
    before = sorted(bench.lake.rglob("*"))
    summary = bench.export(expect="failed")
    assert "format 99" in str(summary.message)
    assert "pip install -U sunlake" in str(summary.message)
    assert sorted(bench.lake.rglob("*")) == before


def test_a_deleted_lake_is_made_anew(serve: Serve) -> None:
    """A lake folder that was removed is filled from the beginning."""
    bench = serve(WORLD)
    bench.export()
    shutil.rmtree(bench.lake)
    bench.export()
    assert_same_as_world(bench.lake, bench.sandbox)
