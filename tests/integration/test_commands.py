"""`sunlake status`, `doctor`, `compact` and `repair` as an operator uses them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.forked import Sandbox
from tests.integration.export_bench import Bench
from tests.integration.lake_truth import assert_no_message_twice, assert_same_as_world, data_files


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """An exported world."""
    with Sandbox("synthetic:seed=17,size=40") as sandbox:
        bench = Bench(sandbox, tmp_path_factory.mktemp("commands"))
        bench.seed()
        ended = bench.command("export")
        assert ended.returncode == 0, ended
        yield bench


def test_status_as_json_agrees_with_the_world(exported: Bench) -> None:
    """Known, done, messages, files and runs are those of what was exported."""
    ended = exported.command("status", "--json")
    assert ended.returncode == 0, ended
    (app,) = json.loads(ended.stdout)
    world = exported.sandbox
    assert app["app_id"] == exported.app_id
    assert app["coverage"]["messages"] == len(list(world.world("messages")))
    assert app["coverage"]["conversations"]["known"] == len(list(world.world("conversations")))
    assert app["coverage"]["users"]["by_state"] == {"done": len(list(world.world("users")))}
    assert app["runs"][0]["state"] == "done"
    assert app["writer"] is None
    assert app["unpublished_commits"] == app["unfinished"] == 0
    assert sum(table["files"] for table in app["files"]) == len(data_files(exported.lake))
    assert exported.app_id in exported.command("status").stdout


def test_doctor_finds_everything_well(exported: Bench) -> None:
    """With a good key, all that an export needs is tried and found to work."""
    ended = exported.command("doctor")
    assert ended.returncode == 0, ended
    assert "MEND" not in ended.stdout
    for what in ("lake:", "ledger:", "users", "integrations", "seeds 1"):
        assert what in ended.stdout


def test_doctor_says_what_to_mend(exported: Bench) -> None:
    """With a revoked key, the exit code is 1 and the line says so."""
    exported.sandbox.set_faults({"kind": "revoked"})
    ended = exported.command("doctor")
    exported.sandbox.set_faults()
    assert ended.returncode == 1, ended
    assert "MEND" in ended.stdout
    assert "check the key id" in ended.stdout


def test_compaction_leaves_one_file_per_partition_and_the_same_truth(exported: Bench) -> None:
    """Compacted twice, nothing is left to do; the lake equals the world, and a run after it writes nothing."""
    changed = next(exported.sandbox.world("conversations"))["object"]["id"]
    exported.sandbox.change({"op": "add_messages", "conversation_id": changed, "count": 2})
    exported.export()
    ended = exported.command("compact")
    assert ended.returncode == 0, ended
    assert "superseded rows" in ended.stdout
    folders = [file.parent for file in data_files(exported.lake)]
    assert len(folders) == len(set(folders))
    assert "nothing to do" in exported.command("compact").stdout
    assert_same_as_world(exported.lake, exported.sandbox)
    before = data_files(exported.lake)
    exported.sweep()
    assert data_files(exported.lake) == before


def test_repair_of_a_sound_lake_changes_nothing(exported: Bench) -> None:
    """The rebuilt ledger knows as much; the run after it writes no message again."""
    ended = exported.command("repair")
    assert ended.returncode == 0, ended
    assert "the old ledger is kept as" in ended.stdout
    exported.export()
    assert_same_as_world(exported.lake, exported.sandbox)
    assert_no_message_twice(exported.lake, app_id=exported.app_id)
