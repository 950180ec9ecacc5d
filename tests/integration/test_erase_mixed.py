"""One batch that asks for everything at once, and keys that were replaced between two batches."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from pipeline.suppression.keys import new_key_text
from tests.forked import Sandbox
from tests.integration.erase_bench import EraseBench, occurrences
from tests.integration.erasure_town import request_rows
from tests.integration.lake_truth import raw_rows
from tests.integration.launcher import Launcher
from tests.integration.small_worlds import SmallWorld, oid

PEOPLE = ("ann", "ben", "cleo", "dora", "emil", "fred", "gus")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Seven people with a conversation each; Gus shares an address with Fred."""
    world = SmallWorld("mixed")
    for name in PEOPLE:
        mail = f"{'fred' if name == 'gus' else name}@people.example"
        world.user(name, clients=[f"{name}-web"], profile={"givenName": name, "surname": "Canary", "email": mail})
        world.conversation(f"{name}s", [name], messages=3)
    with Sandbox(world.write(tmp_path_factory.mktemp("world"))) as running:
        yield running


@pytest.fixture
def bench(server: Sandbox, tmp_path: Path, launcher: Launcher) -> EraseBench:
    """An exported lake with its models."""
    server.reset()
    bench = EraseBench(server, tmp_path / "bench", launcher=launcher)
    bench.seed([{"user_id": oid(name)} for name in PEOPLE])
    bench.export()
    bench.sunlake("build")
    return bench


def row_of(name: str, action: str = "erase", reason: str = "request", *, email: str = "") -> dict[str, str]:
    """One request, by the user's id or by an address."""
    (row,) = request_rows([name], action=action)
    by_id = {"user_id": "" if email else oid(name), "external_id": "", "email": email}
    return row | by_id | {"request_ref": f"{action}-{name}", "reason_code": reason}


def in_models(bench: EraseBench) -> set[str]:
    """Whose conversations the models show."""
    with duckdb.connect(str(bench.lake / "_sunlake" / "warehouse.duckdb"), read_only=True) as warehouse:
        found = warehouse.execute("select conversation_id from marts.fct_conversations").fetchall()
    return {name for name in PEOPLE if (oid(f"{name}s"),) in found}


def test_a_batch_does_for_each_what_was_asked(bench: EraseBench, server: Sandbox) -> None:
    """Erased, copied, held, hidden, masked, kept out: each request has its own end; the doubtful one is left out."""
    rows = [
        row_of("ann"),
        row_of("ben", "access", "access"),
        row_of("nobody", "access", "access"),
        row_of("cleo", "hold", "legal_claims"),
        row_of("dora", "restrict", "accuracy"),
        row_of("emil", "pii_only"),
        row_of("gus", "suppress", email="fred@people.example"),
        row_of("stranger"),
    ]
    plan = bench.plan_json(rows)
    assert plan["confirmation"] == "ERASE-2"
    ended = bench.sunlake(*bench.apply_of(plan), "--remove-input", code=3)
    assert "left out: 1 request may mean several people" in ended.errors
    (batch,) = json.loads(bench.sunlake("erase", "status", "--json").output)
    told = {each["request_ref"]: (each["outcome"], each["urgency"]) for each in batch["requests"]}
    assert told == {
        "erase-ann": ("complete", "met"),
        "access-ben": ("complete", "met"),
        "access-nobody": ("not_found", "met"),
        "hold-cleo": ("complete", "met"),
        "restrict-dora": ("complete", "met"),
        "pii_only-emil": ("complete", "met"),
        "suppress-gus": ("ambiguous", "in_time"),
        "erase-stranger": ("not_found", "met"),
    }
    assert in_models(bench) == set(PEOPLE) - {"ann", "dora"}
    (copy,) = (bench.privacy / "copies").rglob("*.zip")
    assert copy.stat().st_mode & 0o777 == 0o600
    users = {row["user_id"]: row for row in raw_rows(bench.lake, "users", app_id=bench.app_id)}
    assert users.keys() == {oid(name) for name in PEOPLE if name != "ann"}
    assert (users[oid("emil")]["email"], users[oid("ben")]["email"]) == (None, "ben@people.example")
    assert {row["object"]["id"] for row in server.world("users")} == users.keys()
    refused = bench.sunlake(*bench.plan([row_of("cleo")]), "--remove-input", code=3)
    assert "met a legal hold when the batch was planned" in refused.errors
    bench.sunlake("check")
    assert "nobody is back" in bench.sunlake("erase", "verify").output


def test_keys_are_replaced_and_nobody_comes_back(bench: EraseBench) -> None:
    """A new key in front of the old one: who was erased before stays out, is found in a backup, and goes again."""
    shutil.copytree(bench.lake, bench.folder / "backup")
    bench.erase([row_of("ann")])
    old = bench.keys["SUNLAKE_PRIVACY_KEY"]
    bench.keys = bench.keys | {"SUNLAKE_PRIVACY_KEY": f"{new_key_text('n')},{old}"}
    bench.erase([row_of("ben")])
    bench.sunlake("export", "--sweep")
    assert {row["user_id"] for row in raw_rows(bench.lake, "users", app_id=bench.app_id)}.isdisjoint(
        {oid("ann"), oid("ben")}
    )
    shutil.move(bench.privacy, bench.folder / "privacy")
    bench.copied_from(bench.folder / "backup")
    shutil.rmtree(bench.folder / "backup")
    shutil.move(bench.folder / "privacy", bench.privacy)
    assert "ids of people who were erased" in bench.sunlake("erase", "verify", code=1).output
    assert "scan: clean" in bench.sunlake("erase", "replay").output
    assert not occurrences(bench.lake, [oid("ann"), oid("ben"), "ann@people.example", "ben@people.example"])
    both = bench.keys["SUNLAKE_PRIVACY_KEY"]
    bench.keys = bench.keys | {"SUNLAKE_PRIVACY_KEY": both.split(",")[0]}
    for command in (("export",), ("erase", "verify"), ("compact",)):
        ended = bench.sunlake(*command, code=2)
        assert "add it behind the newest" in ended.output + ended.errors
