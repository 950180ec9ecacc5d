"""SIGKILL at each step of the commit protocol: no message is lost, none is doubled, no file is torn."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import timedelta

import pytest

from pipeline.config import CommitSettings
from tests.integration.conftest import Serve
from tests.integration.export_bench import KILLED, Bench
from tests.integration.lake_truth import (
    assert_all_files_whole,
    assert_no_message_twice,
    assert_same_as_world,
    data_files,
)
from tests.integration.small_worlds import BEGINNING, SmallWorld, message, oid

PARTS = 4


def _world() -> SmallWorld:
    """Two people whose histories take two pages and lie in two months."""
    world = SmallWorld("kill")
    for name in ("anna", "ben"):
        world.user(name, clients=[f"client of {name}"])
        world.conversation(f"talk of {name}", [name], messages=120, every=timedelta(hours=5))
    return world


def _distinct(points: Sequence[str], *, part: int = 0, parts: int = 1) -> list[int]:
    """Numbers of the points that differ on the disk: nothing happens between the end of an operation and the next."""
    found = [
        number
        for number, (before, name) in enumerate(zip(["", *points], points, strict=False), 1)
        if name != before and (name.startswith("before") or name == "after transaction" or number == len(points))
    ]
    return found[part::parts]


@pytest.mark.parametrize("part", range(PARTS))
def test_a_kill_at_any_step_of_an_export_loses_and_doubles_nothing(serve: Serve, part: int) -> None:
    """Whatever is visible after the kill is whole, and one more run makes the lake that an undisturbed run makes."""
    bench = serve(_world(), max_concurrency=1, commit=CommitSettings(seconds=600, pages=8))
    points = bench.points("export")
    for number in _distinct(points, part=part, parts=PARTS):
        bench.reset_lake()
        _kill(bench, "export", at=number)
        bench.export()
        _assert_finished(bench)


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_a_kill_of_the_recovery_is_recovered_from(serve: Serve, share: float) -> None:
    """A run that is killed while it publishes what another killed run had decided costs nothing either."""
    bench = serve(_world(), max_concurrency=1, commit=CommitSettings(seconds=600, pages=8))
    points = bench.points("export")
    middle = next(
        number for number, name in enumerate(points, 1) if name == "before rename" and number > share * len(points)
    )
    bench.reset_lake()
    _kill(bench, "export", at=middle)
    kept = bench.folder / "kept"
    shutil.copytree(bench.lake, kept)
    for number in _distinct(bench.points("export")[:40])[::2]:
        bench.reset_lake()
        shutil.copytree(kept, bench.lake)
        _kill(bench, "export", at=number)
        bench.export()
        _assert_finished(bench)


def test_a_kill_at_any_step_of_a_compaction_changes_nothing_that_is_true(serve: Serve) -> None:
    """Right after the kill the lake still shows the world; the next compaction carries it to its end."""
    bench = serve(_world(), max_concurrency=1, commit=CommitSettings(seconds=600, pages=8))
    bench.export()
    bench.sandbox.change({"op": "add_messages", "conversation_id": oid("talk of ben"), "count": 2})
    bench.export()
    kept = bench.folder / "kept"
    shutil.copytree(bench.lake, kept)
    points = bench.points("compact")
    for number in _distinct(points)[:: max(1, len(_distinct(points)) // 7)]:
        bench.reset_lake()
        shutil.copytree(kept, bench.lake)
        _kill(bench, "compact", at=number)
        assert_same_as_world(bench.lake, bench.sandbox)
        assert bench.driven("compact").code == 0
        folders = [file.parent for file in data_files(bench.lake)]
        assert len(folders) == len(set(folders)), "one file per partition"
        _assert_finished(bench)
    bench.export()
    _assert_finished(bench)


def test_a_kill_at_any_step_of_a_sweep_leaves_it_to_the_next(serve: Serve) -> None:
    """A sweep that is killed is repeated where it has to be: deletions, edits and merged-in messages are found once."""
    bench = serve(_world(), max_concurrency=1, commit=CommitSettings(seconds=600, pages=8))
    bench.export()
    ben, anna = oid("talk of ben"), oid("talk of anna")
    bench.sandbox.change(
        {"op": "delete_message", "conversation_id": ben, "message_id": oid("talk of ben#30")},
        {"op": "edit", "kind": "message", "id": oid("talk of ben#40"), "owner_id": ben, "set": {"metadata": {"a": 1}}},
        {
            "op": "add_messages",
            "conversation_id": anna,
            "messages": [message("merged", BEGINNING - timedelta(days=1))],
            "touch": False,
        },
    )
    kept = bench.folder / "kept"
    shutil.copytree(bench.lake, kept)
    numbers = _distinct(bench.points("export", "--sweep"))
    for number in numbers[:: max(1, len(numbers) // 7)]:
        bench.reset_lake()
        shutil.copytree(kept, bench.lake)
        _kill(bench, "export", "--sweep", at=number)
        bench.sweep()
        assert_same_as_world(bench.lake, bench.sandbox)
        before = data_files(bench.lake)
        bench.sweep()
        assert data_files(bench.lake) == before, "a further sweep writes nothing"


def _kill(bench: Bench, *arguments: str, at: int) -> None:
    ended = bench.driven(*arguments, DRIVER_KILL_AT=str(at))
    assert ended.code == KILLED, (at, ended)
    assert_all_files_whole(bench.lake)


def _assert_finished(bench: Bench) -> None:
    assert_same_as_world(bench.lake, bench.sandbox)
    assert_no_message_twice(bench.lake, app_id=bench.app_id)
    assert not list((bench.lake / "_sunlake" / "staging").rglob("*.parquet"))
