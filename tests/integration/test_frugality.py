"""Requests are the scarce resource: what a run costs is counted by the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forked import Sandbox
from tests.integration.export_bench import Bench
from tests.integration.small_worlds import SmallWorld

APP_CALLS = 8
"""The app, its integrations, their webhooks, its switchboards and their integrations."""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """An exported world."""
    with Sandbox("synthetic:seed=11,size=100") as sandbox:
        bench = Bench(sandbox, tmp_path_factory.mktemp("frugal"))
        bench.export()
        assert sandbox.stats()["repeated"] == {}, "the first run makes no call twice"
        yield bench


def test_a_run_over_unchanged_data_costs_one_call_per_user(exported: Bench) -> None:
    """Beside the users, only conversations that no user's list shows are asked for, and the app's own lists."""
    sandbox = exported.sandbox
    users = len(list(sandbox.world("users")))
    taken_part = {line["conversation_id"] for line in sandbox.world("participants")}
    hidden = [line for line in sandbox.world("conversations") if line["object"]["id"] not in taken_part]
    sandbox.reset_stats()
    exported.export()
    assert sandbox.stats()["calls"] <= users + len(hidden) + APP_CALLS


def test_a_run_after_k_changes_costs_a_few_calls_for_each(exported: Bench) -> None:
    """Each conversation with new messages costs its participants, its messages, and its user's profile."""
    sandbox = exported.sandbox
    sandbox.reset_stats()
    exported.export()
    before = sandbox.stats()["calls"]
    changed = sorted({line["conversation_id"] for line in sandbox.world("participants")})[:10]
    sandbox.change(
        *({"op": "add_messages", "conversation_id": conversation_id, "count": 3} for conversation_id in changed)
    )
    sandbox.reset_stats()
    exported.export()
    assert sandbox.stats()["calls"] <= before + 5 * len(changed)


def test_an_external_id_given_twice_is_asked_for_once(tmp_path: Path) -> None:
    """However far apart two equal seeds are, in one file or two, the server is asked once."""
    with Sandbox(SmallWorld("seeds").user("anna", externalId="crm-1").write(tmp_path)) as sandbox:
        bench = Bench(sandbox, tmp_path)
        rows = [{"external_id": f"nobody-{number}"} for number in range(600)]
        bench.seed([{"external_id": "crm-1"}, *rows, {"external_id": "crm-1"}])
        bench.seed([{"external_id": "crm-1"}])
        bench.export()
        assert sandbox.stats()["repeated"] == {}
