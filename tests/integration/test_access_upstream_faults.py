"""Copies for which upstream was asked and did not tell everything, or was not asked: they say so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.api.resources import GET_APP
from pipeline.lake.layout import Lake
from pipeline.privacy.access.ask import ROUTES, open_upstream
from pipeline.privacy.access.register import list_copies
from pipeline.privacy.access.told import Asked
from pipeline.privacy.applied import Applied
from pipeline.privacy.apply import carry_out
from pipeline.privacy.desk import open_desk
from pipeline.privacy.plan.confirm import confirm_plan
from pipeline.privacy.plan.run import plan_batch
from pipeline.privacy.requests.batch import read_batch
from tests.forked import Sandbox
from tests.integration.access_bench import copy, read_members, subject_of
from tests.integration.conftest import Serve
from tests.integration.export_bench import Bench
from tests.integration.small_worlds import BEGINNING, HOUR, SmallWorld, message, oid
from tests.integration.upstream_copies import (
    IMPATIENT,
    MESSAGES,
    access_request,
    manifest_of,
    opened,
    run_copy,
    show_keys,
    small_circle,
)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys that every desk needs."""
    show_keys(monkeypatch)


@pytest.fixture
def bench(serve: Serve) -> Bench:
    """An exported world: Ann alone, Ann and Bob in a group; what happens later is upstream only."""
    bench = serve(small_circle())
    bench.export()
    return bench


@pytest.fixture(scope="module")
def still_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The same, for tests after which everything is as before."""
    folder = tmp_path_factory.mktemp("still")
    with Sandbox(small_circle().write(folder)) as sandbox:
        bench = Bench(sandbox, folder)
        bench.export()
        bench.calls = IMPATIENT
        yield bench


@pytest.fixture
def still(still_bench: Bench) -> Iterator[Bench]:
    """The still world without faults."""
    yield still_bench
    still_bench.sandbox.set_faults()


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"kind": "status", "status": 503, "route": MESSAGES}, "503"),
        ({"kind": "revoked", "route": MESSAGES}, "401"),
        ({"kind": "truncate", "route": MESSAGES}, "200"),
    ],
)
def test_a_copy_says_that_upstream_did_not_tell_everything(still: Bench, fault: dict[str, Any], status: str) -> None:
    """What the lake holds is in the copy, unmarked; manifest, page and exit code call it partial."""
    still.sandbox.set_faults(fault)
    done = run_copy(still, "ann")
    copied = opened(done)
    assert done.exit_code == 3
    upstream = manifest_of(copied)["upstream"]
    assert upstream["state"] == "partial"
    assert {"table": "messages", "status": status} in [
        {name: failure[name] for name in ("table", "status")} for failure in upstream["failures"]
    ]
    assert "This copy may be incomplete" in copied.page
    assert "messages" in copied.page.split('role="note"')[1].split("</p>")[0]
    assert len(copied.rows("messages")) == 5
    assert {row["copy_state"] for row in copied.rows("messages")} == {"current"}


def test_an_upstream_that_fails_half_way_gives_the_half_it_told(serve: Serve) -> None:
    """A second page that fails leaves the first page's messages in the copy, and marks none of the lake's as gone."""
    world = SmallWorld("long").user("ann").conversation("chat", ["ann"], messages=150)
    bench = serve(world)
    bench.export()
    bench.calls = IMPATIENT
    late = message("late", BEGINNING + 900 * HOUR, author="ann", text="after the export")
    bench.sandbox.change({"op": "add_messages", "conversation_id": oid("chat"), "messages": [late]})
    bench.sandbox.set_faults({"kind": "status", "status": 500, "route": MESSAGES, "after": 1})
    copied = copy(bench, subject_of(bench, oid("ann")), asks=True)
    assert copied.export.asked is Asked.PARTIAL
    assert [row["text"] for row in copied.rows("messages")][-1] == "after the export"
    assert {row["copy_state"] for row in copied.rows("messages")} == {"current"}
    assert len(copied.rows("messages")) == 151


def test_passing_faults_are_outlasted(bench: Bench) -> None:
    """The one client's retries make a complete copy of an upstream that stumbles."""
    bench.sandbox.set_faults({"kind": "status", "status": 503, "times": 3})
    done = run_copy(bench, "ann")
    assert done.exit_code == 0
    assert manifest_of(opened(done))["upstream"]["state"] == "complete"


def test_only_reading_routes_are_called(still: Bench) -> None:
    """Nothing is sent but GETs of the allow-list, nothing destroying; another route is refused before it is sent."""
    still.sandbox.reset_stats()
    copy(still, subject_of(still, oid("ann")), asks=True)
    called = set(still.sandbox.stats()["routes"])
    assert called
    assert called <= {route.name for route in ROUTES}
    assert all(route.method == "GET" for route in ROUTES)
    assert still.sandbox.destroying() == []

    async def ask_for_the_app() -> None:
        async with open_upstream(still.settings(), still.app_id, is_offline=False) as upstream:
            assert not isinstance(upstream, Asked)
            await upstream.record(GET_APP, {})

    with pytest.raises(ValueError, match="none of the routes"):
        asyncio.run(ask_for_the_app())


@pytest.mark.parametrize(("is_offline", "state", "code"), [(True, "offline", 0), (False, "no_key", 3)])
def test_without_asking_the_copy_says_so_and_as_of_when_the_lake_is(
    still: Bench, monkeypatch: pytest.MonkeyPatch, is_offline: bool, state: str, code: int
) -> None:
    """Manifest and page name the beginning of the last complete export; no call is made."""
    still.settings()
    still.sandbox.reset_stats()
    done = run_copy(still, "ann", is_offline=is_offline, without_key=None if is_offline else monkeypatch)
    copied = opened(done)
    assert done.exit_code == code
    manifest = manifest_of(copied)
    as_of = datetime.fromisoformat(manifest["lake_as_of"])
    assert BEGINNING < as_of <= datetime.now(UTC)
    assert manifest["upstream"] == {"state": state, "asked_at": None, "failures": [], "new_or_changed": {}}
    assert "was not asked again" in copied.page
    assert f"{as_of:%Y-%m-%d %H:%M} UTC" in copied.page.split('role="note"')[1].split("</p>")[0]
    assert still.sandbox.stats()["calls"] == 0


def test_a_copy_within_a_batch_of_erasure_is_written_anew_until_upstream_tells_everything(bench: Bench) -> None:
    """While upstream fails the batch is partial and stays open; the next run completes the copy, and the batch."""
    bench.calls = IMPATIENT
    bench.sandbox.set_faults({"kind": "status", "status": 503, "route": MESSAGES, "after": 0})

    async def twice() -> tuple[Applied, Applied]:
        with open_desk(bench.settings()) as desk:
            file = access_request(bench, "ann")
            requests = read_batch(str(file), app_ids=[bench.app_id]).requests
            plan = (await plan_batch(desk, requests, source=str(file))).plan
            batch = await confirm_plan(desk, plan.plan_id, plan.confirmation)
            first = await carry_out(desk, batch.batch_id)
            bench.sandbox.set_faults()
            return first, await carry_out(desk, batch.batch_id)

    first, second = asyncio.run(twice())
    assert (first.exit_code, second.exit_code) == (3, 0)
    assert "may be incomplete" in first.problems[0]
    (registered,) = list_copies(Lake(bench.lake))
    manifest = json.loads(read_members(Path(registered.path))["manifest.json"])
    assert manifest["upstream"]["state"] == "complete"
