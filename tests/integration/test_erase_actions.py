"""What a batch may ask for besides erasure, and what is refused, by the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from pipeline.lake.layout import open_lake
from pipeline.suppression.listing import load
from pipeline.suppression.subjects import Kind
from tests.forked import Sandbox
from tests.integration.erase_bench import EraseBench, file_bytes
from tests.integration.erasure_bench import state
from tests.integration.erasure_town import LEAVERS, STAYERS, needles_of, request_rows, town
from tests.integration.lake_truth import raw_rows
from tests.integration.launcher import Launcher
from tests.integration.small_worlds import BEGINNING, message, oid

ANN, BEN = LEAVERS[0], LEAVERS[20]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The town."""
    with Sandbox(town().write(tmp_path_factory.mktemp("world"))) as running:
        yield running


@pytest.fixture
def bench(server: Sandbox, tmp_path: Path, launcher: Launcher) -> EraseBench:
    """A lake of a few people of the town."""
    server.reset()
    bench = EraseBench(server, tmp_path / "bench", launcher=launcher)
    bench.seed([{"user_id": oid(name)} for name in (ANN, BEN, STAYERS[0])])
    bench.export()
    return bench


def users(bench: EraseBench) -> set[str]:
    """The users of the lake."""
    return {row["user_id"] for row in raw_rows(bench.lake, "users", app_id=bench.app_id)}


def in_models(bench: EraseBench, name: str) -> int:
    """How many conversations of somebody the models show."""
    with duckdb.connect(str(bench.lake / "_sunlake" / "warehouse.duckdb"), read_only=True) as warehouse:
        wanted = [oid(f"{name}-default"), oid(f"{name}-extra")]
        query = "select count(*) from marts.fct_conversations where list_contains($1, conversation_id)"
        return int(warehouse.execute(query, [wanted]).fetchall()[0][0])


def rows_of(*names: str, action: str, reason: str = "request") -> list[dict[str, str]]:
    """Requests by user id, each with a reference of its own."""
    rows = request_rows(names, action=action)
    for number, (row, name) in enumerate(zip(rows, names, strict=True)):
        row |= {"user_id": oid(name), "external_id": "", "email": ""}
        row |= {"request_ref": f"{action}-{number + 1}", "reason_code": reason}
    return rows


def test_a_hold_keeps_a_person_until_it_is_released(bench: EraseBench) -> None:
    """Whoever is held when a batch is carried out stays, the batch is partial, and the same command ends it later."""
    erasing = bench.plan(rows_of(ANN, BEN, action="erase"))
    bench.erase(rows_of(ANN, action="hold", reason="legal_claims"))
    ended = bench.sunlake(*erasing, "--remove-input", code=3)
    assert "legal hold" in ended.errors
    assert users(bench) == {oid(ANN), oid(STAYERS[0])}
    again = bench.sunlake(*erasing, code=3)
    assert "legal hold" in again.errors, "a second run must not call a batch complete that left somebody out"
    bench.erase(rows_of(ANN, action="release", reason="hold_ended"))
    bench.sunlake(*erasing)
    assert users(bench) == {oid(STAYERS[0])}
    bench.sunlake("erase", "verify")


def test_a_restricted_person_is_in_files_and_in_no_model(bench: EraseBench) -> None:
    """Restriction hides a person from models and changes no file; releasing shows them again."""
    bench.sunlake("build")
    before = file_bytes(bench.lake)
    assert in_models(bench, BEN)
    for action, shown in (("restrict", False), ("release", True)):
        reason = "accuracy" if action == "restrict" else "hold_ended"
        bench.erase(rows_of(BEN, action=action, reason=reason))
        assert bool(in_models(bench, BEN)) is shown
        assert in_models(bench, STAYERS[0])
    assert file_bytes(bench.lake) == before


def test_pii_only_clears_names_and_leaves_words(bench: EraseBench, server: Sandbox) -> None:
    """Names, addresses and properties go upstream and in the lake, and stay away; messages stay."""
    spoken = {row["message_id"] for row in raw_rows(bench.lake, "messages", app_id=bench.app_id)}
    bench.erase(rows_of(BEN, action="pii_only"))
    bench.sunlake("export", "--sweep")
    row = next(row for row in raw_rows(bench.lake, "users", app_id=bench.app_id) if row["user_id"] == oid(BEN))
    assert (row["given_name"], row["surname"], row["email"]) == (None, None, None)
    assert "nobody is back" in bench.sunlake("erase", "verify").output
    assert {row["message_id"] for row in raw_rows(bench.lake, "messages", app_id=bench.app_id)} == spoken
    assert oid(BEN) in {each["object"]["id"] for each in server.world("users")}


def test_an_input_that_is_left_keeps_the_batch_open(bench: EraseBench) -> None:
    """The file of requests still names everybody: the batch is partial and says where, until the file is gone."""
    apply = bench.plan(rows_of(BEN, action="erase"))
    ended = bench.sunlake(*apply, code=3)
    assert "input" in ended.errors
    (bench.folder / "requests.csv").unlink()
    bench.sunlake(*apply)


def test_who_is_not_found_is_kept_out_and_not_counted(bench: EraseBench) -> None:
    """One of two is confirmed and erased; of the other nothing is asked upstream, and the request is met."""
    apply = bench.plan(rows_of(BEN, "stranger", action="erase"))
    assert "ERASE-1" in apply
    bench.sunlake(*apply, "--remove-input")
    (batch,) = json.loads(bench.sunlake("erase", "status", "--json").output)
    told = {each["request_ref"]: (each["outcome"], each["urgency"]) for each in batch["requests"]}
    assert told == {"erase-1": ("complete", "met"), "erase-2": ("not_found", "met")}
    (tag,) = {each["tag"] for each in batch["requests"] if each["request_ref"] == "erase-2"}
    assert {deed["step"] for deed in bench.deeds() if deed["tag"] == tag} == {"close"}
    listing = load(open_lake(bench.lake, create=False))
    assert sum(entry.kind is Kind.USER for entry in listing.entries) == 2


def test_wrong_use_is_refused_before_anything_is_touched(bench: EraseBench, server: Sandbox) -> None:
    """A wrong confirmation, an unknown plan, missing keys and a wrong batch: exit code 2, and nothing changed."""
    before, world = file_bytes(bench.lake), state(server)
    apply = bench.plan(rows_of(BEN, action="erase"))
    bench.sunlake(*apply[:4], "--confirm", "ERASE-99", code=2)
    bench.sunlake("erase", "apply", "--plan", "0" * 64, "--confirm", "ERASE-1", code=2)
    wrong = rows_of(BEN, action="erase")
    wrong[0]["email"] = "canary@people.example"
    refused = bench.sunlake("erase", "plan", str(bench.requests(wrong)), code=2)
    assert "line 2" in refused.errors
    assert "canary" not in refused.errors + refused.output
    keys, bench.keys = bench.keys, {"SUNLAKE_DEEDS_KEY": bench.keys["SUNLAKE_DEEDS_KEY"]}
    assert "sunlake erase keys" in bench.sunlake(*apply, code=2).errors
    bench.keys = keys
    assert (file_bytes(bench.lake), state(server)) == (before, world)


def test_a_group_goes_on_without_who_is_kept_out(bench: EraseBench, server: Sandbox) -> None:
    """What a suppressed member says in a group stays outside, and the ledger counts what the lake got: checks pass."""
    group = oid(f"group-of-{ANN}")
    bench.erase(rows_of(ANN, action="suppress"))
    said = [message(f"{name} goes on", BEGINNING.replace(day=20), author=name) for name in (ANN, STAYERS[0])]
    server.change({"op": "add_messages", "conversation_id": group, "messages": said})
    for options in ([], ["--sweep"]):
        bench.sunlake("export", *options)
        found = {row["message_id"] for row in raw_rows(bench.lake, "messages", app_id=bench.app_id)}
        assert (oid(f"{STAYERS[0]} goes on") in found, oid(f"{ANN} goes on") in found) == (True, False)
        bench.sunlake("build")
        bench.sunlake("check")


def test_suppressing_keeps_a_person_out_and_erases_nothing(bench: EraseBench, server: Sandbox) -> None:
    """Suppression alone stops rows from entering: what is there stays, what is new does not come."""
    world = state(server)
    bench.erase(rows_of(BEN, action="suppress"))
    assert "nobody is back" in bench.sunlake("erase", "verify").output
    assert state(server) == world
    held = file_bytes(bench.lake)
    server.change({"op": "add_messages", "conversation_id": oid(f"{BEN}-extra"), "count": 3})
    bench.sunlake("export", "--sweep")
    added = {path for path in file_bytes(bench.lake) if path not in held}
    assert not any(needle.encode() in file_bytes(bench.lake)[path] for path in added for needle in needles_of(BEN))
