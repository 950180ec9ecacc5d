"""SIGKILL at the steps of the commit protocol in a bucket: nothing lost, doubled, torn or left over."""

from __future__ import annotations

import shutil
from datetime import timedelta

from pipeline.config import CommitSettings
from tests.integration.conftest import ServeS3
from tests.integration.export_bench import KILLED
from tests.integration.lake_truth import assert_all_files_whole, assert_same_as_world
from tests.integration.s3_bench import S3Bench
from tests.integration.small_worlds import SmallWorld, oid

STEPS = (
    "before bucket upload",
    "before its commit",
    "after transaction",
    "before bucket copy",
    "before bucket delete",
    "before remove_tree",
)


def _world() -> SmallWorld:
    """One person whose history takes two pages and lies in two months."""
    world = SmallWorld("kill")
    world.user("anna", clients=["client of anna"])
    return world.conversation("talk of anna", ["anna"], messages=120, every=timedelta(hours=5))


def _chosen(points: list[str]) -> list[str]:
    """The last passing but one of each step, which is amid the last commit."""
    return [f"{step}#{max(1, points.count(step) - 1)}" for step in STEPS]


def test_a_kill_at_any_step_of_an_export_loses_and_doubles_nothing(serve_s3: ServeS3) -> None:
    """Whatever is visible after the kill is whole, and one more run makes the lake that an undisturbed run makes."""
    bench = serve_s3(_world(), max_concurrency=1, commit=CommitSettings(seconds=600, pages=8))
    for point in _chosen(bench.points("export")):
        bench.reset_lake()
        _kill(bench, at=point)
        bench.export()
        bench.assert_finished()


def test_a_kill_at_any_step_of_a_compaction_changes_nothing_that_is_true(serve_s3: ServeS3) -> None:
    """Right after the kill the lake still shows the world; the next compaction carries it to its end."""
    bench = serve_s3(_world(), max_concurrency=1, commit=CommitSettings(seconds=600, pages=8))
    bench.export()
    bench.sandbox.change({"op": "add_messages", "conversation_id": oid("talk of anna"), "count": 2})
    bench.export()
    objects, kept = bench.get(), bench.folder / "kept"
    shutil.copytree(bench.state, kept)
    for point in _chosen(bench.points("compact"))[1:-1]:
        bench.reset_lake()
        bench.put(objects)
        shutil.copytree(kept, bench.state)
        _kill(bench, "compact", at=point)
        assert_same_as_world(bench.mirror(), bench.sandbox)
        assert bench.driven("compact").code == 0
        folders = [key.rpartition("/")[0] for key in bench.server.keys(bench.bucket) if key.endswith(".parquet")]
        assert len(folders) == len(set(folders)), "one object per partition"
        bench.assert_finished()


def _kill(bench: S3Bench, command: str = "export", *, at: str) -> None:
    ended = bench.driven(command, DRIVER_KILL_AT=at)
    assert ended.code == KILLED, (at, ended)
    assert_all_files_whole(bench.mirror())
