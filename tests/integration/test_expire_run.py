"""`sunlake erase expire` as a process, on lakes that were exported over HTTP: what expired stays away."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.lake.compact import compact_app
from pipeline.lake.layout import open_lake
from pipeline.suppression.floors import read_floor
from pipeline.suppression.gate import open_gate
from pipeline.suppression.keys import new_key_text
from tests.integration.conftest import Serve
from tests.integration.export_bench import KILLED, Bench
from tests.integration.lake_truth import assert_all_files_whole, raw_rows
from tests.integration.launcher import Ended
from tests.integration.small_worlds import SmallWorld, message, oid

DAY = timedelta(days=1)
WRITES = ("after rename ", "after write_atomic ", "before its commit ")
NOW = datetime.now(UTC).replace(microsecond=0)
KEYS = {"SUNLAKE_PRIVACY_KEY": new_key_text(), "SUNLAKE_DEEDS_KEY": new_key_text()}


@pytest.fixture
def bench(serve: Serve) -> Bench:
    """An exported world: an old talk, one that reaches over the moment, a young one."""
    world = SmallWorld("ages").user("ann").user("bob")
    world.conversation("old", ["ann"], messages=3, begin=NOW - 90 * DAY)
    world.conversation("long", ["ann", "bob"], messages=20, every=DAY, begin=NOW - 39 * DAY)
    world.conversation("young", ["bob"], messages=2, begin=NOW - 5 * DAY)
    bench = serve(world)
    bench.export()
    return bench


def test_a_preview_needs_no_key_and_changes_nothing(bench: Bench) -> None:
    """It counts, and says how to go on."""
    before = _state(bench.lake, bench.app_id)
    ended = _expire(bench, "--older-than", "30d", keys=False)
    assert ended.code == 0, ended
    assert "--apply" in ended.output
    assert _state(bench.lake, bench.app_id) == before


@pytest.mark.parametrize("arguments", [["--older-than", "soon"], ["--older-than", "0d"], ["--app", "nobody"]])
def test_wrong_input_is_refused(bench: Bench, arguments: list[str]) -> None:
    """With exit code 2, and nothing is changed."""
    before = _state(bench.lake, bench.app_id)
    ended = _expire(bench, "--apply", *arguments)
    assert ended.code == 2, ended
    assert _state(bench.lake, bench.app_id) == before


def test_what_expired_stays_away(bench: Bench) -> None:
    """Export, sweep and compaction bring nothing back; what is said anew comes back alone."""
    ended = _expire(bench, "--older-than", "30d", "--apply")
    assert ended.code == 0, ended
    after = _state(bench.lake, bench.app_id)
    assert after["conversations"] == {oid("long"), oid("young")}
    assert oid("old#0") not in after["messages"]
    assert oid("young#0") in after["messages"]
    assert read_floor(open_lake(bench.lake, create=False), bench.app_id) is not None
    _checked(bench)
    for kind in ("export", "sweep", "compact", "sweep"):
        if kind == "compact":
            _compact(bench)
        else:
            bench.export("sweep" if kind == "sweep" else "export")
        assert _state(bench.lake, bench.app_id) == after, kind
    said = message("again", NOW - DAY, author="ann", text="again")
    bench.sandbox.change({"op": "add_messages", "conversation_id": oid("old"), "messages": [said]})
    bench.export()
    found = _state(bench.lake, bench.app_id)
    assert found["messages"] - after["messages"] == {oid("again")}
    assert oid("old") in found["conversations"] & found["participants"]
    _checked(bench)


def test_what_had_expired_is_seen_in_a_restored_backup(bench: Bench) -> None:
    """`erase verify` tells of messages that retention had removed, and the same run of retention removes them again."""
    kept = {path: path.read_bytes() for path in sorted(bench.lake.glob("messages/**/*.parquet"))}
    assert _expire(bench, "--older-than", "30d", "--apply").code == 0
    after = _state(bench.lake, bench.app_id)
    assert bench.driven("erase", "verify", **KEYS).code == 0
    for path, data in kept.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    told = bench.driven("erase", "verify", **KEYS)
    assert told.code == 1, told
    assert "messages that retention had removed" in told.output
    assert _expire(bench, "--older-than", "30d", "--apply").code == 0
    assert bench.driven("erase", "verify", **KEYS).code == 0
    assert _state(bench.lake, bench.app_id) == after


def test_a_kill_at_any_point_is_made_good_by_a_repeat(bench: Bench, tmp_path: Path) -> None:
    """At every change of a file or ledger: all files are whole, no young row is missing, and a repeat ends alike."""
    template = tmp_path / "template"
    shutil.copytree(bench.lake, template)
    trace = tmp_path / "trace"
    assert _expire(bench, "--older-than", "30d", "--apply", DRIVER_TRACE=str(trace)).code == 0
    expected = _state(bench.lake, bench.app_id)
    points = list(enumerate(trace.read_text().splitlines(), 1))
    unlinks = [number for number, name in points if name.startswith("before unlink ")]
    told = [number for number, name in points if name.startswith(WRITES)] + unlinks[::4]
    assert len(told) >= 12
    for number in told:
        shutil.rmtree(bench.lake)
        shutil.copytree(template, bench.lake)
        killed = _expire(bench, "--older-than", "30d", "--apply", DRIVER_KILL_AT=str(number))
        assert killed.code == KILLED, killed
        assert_all_files_whole(bench.lake)
        assert expected["messages"] <= _state(bench.lake, bench.app_id)["messages"]
        assert _expire(bench, "--older-than", "30d", "--apply").code == 0
        assert _state(bench.lake, bench.app_id) == expected, f"killed at {points[number - 1][1]}"


def _expire(bench: Bench, *arguments: str, keys: bool = True, **environ: str) -> Ended:
    return bench.driven("erase", "expire", *arguments, **(KEYS if keys else {}), **environ)


def _checked(bench: Bench) -> None:
    """What is left is a sound lake: models are built of it, and every check passes."""
    for command in ("build", "check"):
        ended = bench.driven(command, **KEYS)
        assert ended.code == 0, ended


def _compact(bench: Bench) -> None:
    lake, ledger = open_lake(bench.lake, create=False), bench.ledger()
    compact_app(lake, ledger, bench.app_id, admission=open_gate(lake, bench.app_id, bench.settings()))
    ledger.close()


def _state(lake: Path, app_id: str) -> dict[str, set[str]]:
    tables = {"conversations": "conversation_id", "participants": "conversation_id", "messages": "message_id"}
    return {name: {row[key] for row in raw_rows(lake, name, app_id=app_id)} for name, key in tables.items()}
