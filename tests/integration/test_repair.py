"""`sunlake repair`: the ledger is rebuilt from the lake alone, and the next run makes the lake whole."""

from __future__ import annotations

import pytest

from pipeline.config import CommitSettings
from tests.integration.conftest import Serve
from tests.integration.export_bench import KILLED
from tests.integration.lake_truth import assert_no_message_twice, assert_same_as_world, data_files
from tests.integration.small_worlds import SmallWorld


def test_a_repair_after_a_kill_between_two_renames_leaves_no_hole(serve: Serve) -> None:
    """With only some months of a history published, the repaired lake is whole after the next run, not only its ends.

    Pages are encoded 32 at a time, newest first, so a long history's newest and oldest months are published before
    those in the middle.
    """
    world = SmallWorld("months").user("anna").conversation("long", ["anna"], messages=6600)
    bench = serve(world, commit=CommitSettings(seconds=600))
    renames = [number for number, name in enumerate(bench.points("export"), 1) if name == "after rename"]
    for kill_at in renames[-8:-1:2]:
        bench.reset_lake()
        assert bench.driven("export", DRIVER_KILL_AT=str(kill_at)).code == KILLED
        assert bench.driven("repair").code in {0, 3}
        bench.export()
        assert_same_as_world(bench.lake, bench.sandbox)


@pytest.mark.parametrize("damage", ["removed", "cut", "garbage"])
def test_a_lost_ledger_is_rebuilt_and_no_message_is_written_twice(serve: Serve, damage: str) -> None:
    """Nothing is exported without the ledger of what is there; after a repair one run visits each conversation once.

    It adds nothing to the lake.
    """
    bench = serve("synthetic:seed=9,size=40")
    bench.export()
    file = bench.lake / "_sunlake" / "ledger.db"
    for path in file.parent.glob("ledger.db-*"):
        path.unlink()
    if damage == "removed":
        file.unlink()
    else:
        data = file.read_bytes()
        file.write_bytes(data[: len(data) // 2] if damage == "cut" else bytes(range(256)) * 64)
    refused = bench.export(expect="failed")
    assert "sunlake repair" in str(refused.message)
    status = bench.driven("status")
    assert "sunlake repair" in status.output + status.errors
    assert bench.driven("repair").code == 0
    repaired = bench.export()
    assert repaired.counters.messages == 0
    assert repaired.counters.conversations == len(list(bench.sandbox.world("conversations"))), "each is visited once"
    assert_same_as_world(bench.lake, bench.sandbox)
    assert_no_message_twice(bench.lake, app_id=bench.app_id)


@pytest.mark.parametrize("table", ["messages", "conversations", "participants", "users", "clients", "tombstones"])
def test_a_damaged_file_is_put_aside_and_what_it_held_is_read_again(serve: Serve, table: str) -> None:
    """After a repair, one run makes the lake equal to the world again, whatever the file held."""
    bench = serve("synthetic:seed=9,size=40")
    bench.export()
    victim = next(bench.sandbox.world("users"))["object"]["id"]
    bench.sandbox.change({"op": "delete_user", "user_id": victim})
    bench.export()
    file = next(path for path in data_files(bench.lake) if path.relative_to(bench.lake).parts[0] == table)
    file.write_bytes(file.read_bytes()[:-20])
    repair = bench.driven("repair")
    assert repair.code == 3
    assert str(file.relative_to(bench.lake)) in repair.output
    assert not file.exists()
    bench.export()
    assert_same_as_world(bench.lake, bench.sandbox)
    assert_no_message_twice(bench.lake, app_id=bench.app_id)


def test_files_that_vanished_are_missed_and_what_they_held_is_read_again(serve: Serve) -> None:
    """No run goes on over a hole in the lake; a repair finds it, even amid a history, and the next run fills it."""
    world = SmallWorld("vanished").user("anna").conversation("long", ["anna"], messages=6600)
    bench = serve(world)
    bench.export()
    months = sorted(path for path in data_files(bench.lake) if "messages" in path.relative_to(bench.lake).parts)
    assert len(months) > 2
    months[len(months) // 2].unlink()
    refused = bench.export(expect="failed")
    assert "1 files that the ledger knows are not in the lake" in str(refused.message)
    assert bench.driven("repair").code == 3
    bench.export()
    assert_same_as_world(bench.lake, bench.sandbox)
    assert_no_message_twice(bench.lake, app_id=bench.app_id)
