"""Everything that the API tells is in the lake, exactly, for every way to begin and every kind of key."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pipeline.config import Settings
from pipeline.export import export_apps
from tests.forked import Sandbox
from tests.integration.conftest import Serve
from tests.integration.export_bench import Bench
from tests.integration.lake_truth import (
    API_TABLES,
    assert_all_files_whole,
    assert_no_message_twice,
    assert_same_as_world,
    ids_of,
    raw_rows,
    read_lake,
)
from tests.integration.small_worlds import SmallWorld, oid


@pytest.mark.parametrize("auth", ["basic", "jwt"])
def test_a_strange_world_is_in_the_lake_exactly(serve: Serve, auth: str) -> None:
    """Each of the eleven tables holds every object of the world, member by member, whatever strange things it holds."""
    bench = serve("synthetic:seed=23,size=80,strangeness=1", auth=auth)
    bench.export()
    assert_same_as_world(bench.lake, bench.sandbox)
    assert_no_message_twice(bench.lake, app_id=bench.app_id)
    assert_all_files_whole(bench.lake)
    empty = [table for table, objects in read_lake(bench.lake, app_id=bench.app_id).items() if not objects]
    assert not empty, "the world leaves no table empty"
    assert set(API_TABLES) == set(read_lake(bench.lake, app_id=bench.app_id))


def test_two_apps_are_exported_at_once_and_stay_apart(tmp_path: Path) -> None:
    """One call walks both apps; each has its own rows, and one that fails does not stop the other."""
    with Sandbox("synthetic:seed=41,size=30", "synthetic:seed=42,size=30") as sandbox:
        benches = [
            Bench(sandbox, tmp_path / app_id, app_id=app_id, shared_lake=tmp_path / "lake")
            for app_id in sandbox.app_ids
        ]
        for bench in benches:
            bench.seed()
        apps = tuple(bench.app() for bench in benches)
        # Each file names one app, and both apps are configured.
        settings = Settings(lake=str(tmp_path / "lake"), apps=apps)
        summaries = asyncio.run(export_apps(settings, apps))
        assert [summary.state for summary in summaries] == ["done", "done"]
        for bench in benches:
            assert_same_as_world(bench.lake, sandbox, app_id=bench.app_id)
        sandbox.set_faults({"kind": "revoked", "app_id": sandbox.app_ids[0]})
        first, second = asyncio.run(export_apps(settings, apps))
        assert (first.state, second.state) == ("failed", "done")
        assert (first.exit_code, second.exit_code) == (1, 0)


def test_a_key_of_integration_scope_exports_what_it_may(serve: Serve) -> None:
    """What the key may read is in the lake; the lists that it may not read are named in the summary."""
    bench = serve("synthetic:seed=23,size=30", scope="integration")
    summary = bench.export()
    assert any("lacks the app scope" in note for note in summary.counters.notes)
    assert_same_as_world(bench.lake, bench.sandbox, reached=False)
    shown = {line["object"]["id"] for line in bench.sandbox.world("messages")}
    assert ids_of(raw_rows(bench.lake, "messages", app_id=bench.app_id), "message_id") == shown


def test_external_ids_and_addresses_lead_to_their_users(serve: Serve) -> None:
    """External ids with slashes, blanks and brands, and e-mail identities, given twice or unknown, find all."""
    world = SmallWorld("seeds")
    world.user("anna", externalId="crm/7?x=1&y=ä#z %2F")
    world.user("ben", externalId="same", brandId="1111").user("cleo", externalId="same", brandId="2222")
    mail = {"type": "email", "value": "dora+1@example.org"}
    world.user("dora", identities=[mail]).user("emil", identities=[mail])
    for name in ("anna", "ben", "cleo", "dora", "emil"):
        world.conversation(f"talk of {name}", [name], messages=3)
    bench = serve(world)
    bench.seed_files.clear()
    rows = [
        {"external_id": "crm/7?x=1&y=ä#z %2F"},
        {"external_id": "same", "brand_id": "1111"},
        {"external_id": "same", "brand_id": "2222"},
        {"email": "dora+1@example.org"},
        {"external_id": "nobody"},
        {"user_id": oid("anna")},
    ]
    bench.seed([*rows, *rows])
    summary = bench.export()
    assert summary.counters.users == 5
    assert_same_as_world(bench.lake, bench.sandbox)
    assert bench.sandbox.stats()["repeated"] == {}
    bench.export()
    assert_same_as_world(bench.lake, bench.sandbox)


def test_seeds_from_a_query_and_a_table_lead_to_the_same_lake(serve: Serve) -> None:
    """Sources of several kinds are combined; a conversation without participants is found by its id."""
    world = SmallWorld("kinds").user("anna").conversation("talk", ["anna"], messages=2)
    world.conversation("lonely", [], messages=3)
    bench = serve(world)
    bench.seed_files.clear()
    table = bench.folder / "users.csv"
    table.write_text(f"user_id\n{oid('anna')}\n")
    query = Path(f"select '{oid('lonely')}' as conversation_id")
    bench.seed_files += [table, query]
    bench.export()
    assert_same_as_world(bench.lake, bench.sandbox)
