"""What the one who erases may choose: linked people, people whom Zendesk is to keep, messages that quote somebody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.forked import Sandbox
from tests.integration.erase_bench import EraseBench, occurrences, upstream_messages
from tests.integration.erasure_town import request_rows, say
from tests.integration.export_bench import KILLED
from tests.integration.lake_truth import raw_rows
from tests.integration.launcher import Launcher
from tests.integration.small_worlds import BEGINNING, SmallWorld, message, oid

SHARED = "family@people.example"


@dataclass
class ChoosingBench(EraseBench):
    """A bench that plans with options."""

    def chosen(self, rows: list[dict[str, str]], *options: str) -> dict[str, Any]:
        """A plan with options of the command line."""
        planned = self.sunlake("erase", "plan", str(self.requests(rows)), "--json", *options)
        plan: dict[str, Any] = json.loads(planned.output)
        return plan


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Two of a family with one address; Cleo, whom Zendesk is to keep; Bob, who quotes one of the family in a club."""
    world = SmallWorld("choices")
    for name in ("mother", "son"):
        world.user(name, profile={"givenName": name, "surname": "Canary", "email": SHARED})
        world.conversation(f"{name}s", [name], messages=2)
    world.user("cleo", toBeRetained=True).conversation("cleos", ["cleo"], messages=2)
    world.user("bob").conversation("club", ["mother", "bob"], messages=0)
    hers = message("hers", BEGINNING, author="mother")
    say(world, "club", hers)
    say(world, "club", message("his", BEGINNING.replace(day=11), author="bob"))
    quoting = message("quoting", BEGINNING.replace(day=12), author="bob")
    say(world, "club", quoting | {"quotedMessage": {"type": "message", "message": hers}})
    with Sandbox(world.write(tmp_path_factory.mktemp("world"))) as running:
        yield running


@pytest.fixture(params=["report"])
def bench(server: Sandbox, tmp_path: Path, launcher: Launcher, request: pytest.FixtureRequest) -> ChoosingBench:
    """An exported lake."""
    server.reset()
    bench = ChoosingBench(server, tmp_path / "bench", launcher=launcher, privacy_settings=f'quotes = "{request.param}"')
    bench.seed([{"user_id": oid(name)} for name in ("mother", "son", "cleo", "bob")])
    bench.export()
    return bench


def rows_of(name: str, *, email: str = "") -> list[dict[str, str]]:
    """One request, by the user's id or by an address."""
    (row,) = request_rows([name])
    return [
        row
        | {"request_ref": f"GDPR-{name}"}
        | {"user_id": "" if email else oid(name), "external_id": "", "email": email}
    ]


def test_an_address_of_two_erases_both_or_nobody(bench: ChoosingBench, server: Sandbox) -> None:
    """Without being told to, nobody is erased; with --include-linked both are, upstream and in the lake."""
    doubtful = bench.chosen(rows_of("mother", email=SHARED))
    assert ([each["state"] for each in doubtful["subjects"]], doubtful["confirmation"]) == (["ambiguous"], "ERASE-0")
    text = bench.sunlake("erase", "plan", str(bench.requests(rows_of("mother", email=SHARED)))).output
    assert "! 1 request may mean several people: plan anew with a user_id, or with --include-linked" in text
    ended = bench.sunlake(*bench.apply_of(doubtful), code=3)
    assert "left out: 1 request may mean several people" in ended.errors
    assert ended.output.splitlines()[-1].startswith("partial")
    assert _told(bench) == [("ambiguous", "in_time")] * 2, "of two plans one was carried out"
    meant = bench.chosen(rows_of("mother", email=SHARED), "--include-linked")
    assert bench.sunlake(*bench.apply_of(meant), "--remove-input").output.splitlines()[-1].startswith("complete")
    assert _told(bench) == [("ambiguous", "met")] * 2 + [("complete", "met")], (
        "what a later batch has met presses no more"
    )
    assert {row["object"]["id"] for row in server.world("users")} == {oid("cleo"), oid("bob")}
    assert {row["user_id"] for row in raw_rows(bench.lake, "users", app_id=bench.app_id)} == {oid("cleo"), oid("bob")}
    assert not occurrences(bench.lake, [SHARED, oid("mother"), oid("son"), "Canary"])
    assert "nobody is back" in bench.sunlake("erase", "verify").output


def test_whom_zendesk_is_to_keep_is_erased_only_on_purpose(bench: ChoosingBench, server: Sandbox) -> None:
    """The flag stops a request, which is told; --override-retained carries it out."""
    spared = bench.chosen(rows_of("cleo") + rows_of("son"))
    assert {each["state"] for each in spared["subjects"]} == {"retained_flag", "matched"}
    assert spared["confirmation"] == "ERASE-1"
    ended = bench.sunlake(*bench.apply_of(spared), "--remove-input", code=3)
    assert "--override-retained" in ended.errors
    left = {row["object"]["id"] for row in server.world("users")}
    assert (oid("cleo") in left, oid("son") in left) == (True, False)
    assert sorted(_told(bench)) == [("complete", "met"), ("retained_flag", "in_time")]
    refused = bench.sunlake(*bench.apply_of(spared), code=2)
    assert "carried out to its end" in refused.errors, "the work file is destroyed; another batch has to ask again"
    meant = bench.chosen(rows_of("cleo"), "--override-retained")
    assert bench.sunlake(*bench.apply_of(meant), "--remove-input").output.splitlines()[-1].startswith("complete")
    assert oid("cleo") not in {row["object"]["id"] for row in server.world("users")}


@pytest.mark.parametrize(("bench", "stays"), [("report", True), ("delete_quoting_message", False)], indirect=["bench"])
def test_who_quotes_somebody_keeps_the_message_or_loses_it(bench: ChoosingBench, server: Sandbox, stays: bool) -> None:
    """Upstream has no call to edit: a quoting message stays there and is reported, or goes whole, as it was chosen."""
    bench.erase(rows_of("mother"))
    assert (oid("quoting") in upstream_messages(server)) is stays
    assert oid("his") in upstream_messages(server)
    bench.sunlake("export", "--sweep")
    rows = {row["message_id"]: row for row in raw_rows(bench.lake, "messages", app_id=bench.app_id)}
    assert rows[oid("quoting")]["quoted_message"] == '{"type":"erased"}'
    left = json.loads(bench.sunlake("sql", "--format", "json", "select message_id from messages").output)
    assert ({"message_id": oid("quoting")} in left) is stays
    assert not occurrences(bench.lake, [oid("mother"), oid("hers")])


@pytest.mark.parametrize(
    "point", ["after end of close", "after deed work_destroyed", "before deed close", "before end of report"]
)
def test_a_batch_that_leaves_somebody_out_is_closed_once(bench: ChoosingBench, point: str) -> None:
    """Killed while it closes, it is closed by the same command, partial as before, with a report and no work file."""
    apply = bench.apply_of(bench.chosen(rows_of("mother", email=SHARED)))
    assert bench.driven(*apply, DRIVER_KILL_AT=f"{point}#1").code == KILLED
    ended = bench.sunlake(*apply, code=3)
    assert "left out: 1 request may mean several people" in ended.errors
    assert ended.output.splitlines()[-1].startswith("partial")
    (report,) = bench.privacy.glob("batches/*/report.json")
    assert json.loads(report.read_bytes())["status"]["state"] == "partial"
    assert not list(bench.privacy.glob("batches/*/work.sealed"))
    assert "carried out to its end" in bench.sunlake(*apply, code=2).errors


def _told(bench: ChoosingBench) -> list[tuple[str, str]]:
    """What becomes of each request, and whether it presses."""
    batches = json.loads(bench.sunlake("erase", "status", "--json").output)
    return [(each["outcome"], each["urgency"]) for batch in batches for each in batch["requests"]]
