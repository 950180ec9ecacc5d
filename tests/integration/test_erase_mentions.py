"""Mentions that an erasure redacted, when everything is exported anew and after a backup was restored."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forked import Sandbox
from tests.integration.erase_bench import EraseBench
from tests.integration.erasure_town import request_rows, say
from tests.integration.lake_truth import raw_rows
from tests.integration.launcher import Launcher
from tests.integration.small_worlds import BEGINNING, SmallWorld, message, oid

SAID = "Ann Canary-Lee is at ann@people.example or +49 170 1234567, ask her"


ELSEWHERE = "I was told to write to ANN@people.example, or ask Ann  Canary-Lee"
REDACTED = "I was told to write to [erased], or ask [erased]"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Ann and Bob in a club, in which Bob speaks of Ann, and so does Carol, who never met her."""
    world = SmallWorld("mentions")
    profile = {"givenName": "Ann", "surname": "Canary-Lee", "email": "ann@people.example"}
    world.user("ann", clients=["ann-phone"], externalId="crm-ann", profile=profile)
    clients = [line for line in world.lines if line["table"] == "clients"]
    clients[0]["object"] |= {"type": "whatsapp", "externalId": "+491701234567"}
    world.user("bob", metadata={"friend": "crm-ann", "since": 3})
    world.user("carol", clients=["carol-web"])
    world.conversation("anns", ["ann"], messages=2).conversation("club", ["ann", "bob"], messages=0)
    say(world, "club", message("hers", BEGINNING, author="ann"))
    say(world, "club", message("his", BEGINNING, author="bob", text=SAID))
    world.conversation("carols", ["carol"], messages=1, description="About ann@people.example")
    said = message("carols word", BEGINNING, author="carol", text=ELSEWHERE)
    say(world, "carols", said | {"metadata": {"https://x.example/?q=ann%40people.example": [491701234567, True]}})
    with Sandbox(world.write(tmp_path_factory.mktemp("world"))) as running:
        yield running


@pytest.fixture(params=["redact"])
def bench(tmp_path: Path, launcher: Launcher, server: Sandbox, request: pytest.FixtureRequest) -> EraseBench:
    """An exported lake."""
    server.reset()
    bench = EraseBench(server, tmp_path / "bench", launcher=launcher, privacy_settings=f'mentions = "{request.param}"')
    bench.seed([{"user_id": oid(name)} for name in ("ann", "bob", "carol")])
    bench.export()
    return bench


def test_what_was_redacted_stays_so_in_a_restored_lake_and_in_one_begun_anew(bench: EraseBench) -> None:
    """The mentions are there upstream and in the backup; what knows the list of suppressions never shows them again."""
    shutil.copytree(bench.lake, bench.folder / "backup")
    before = _of_others(bench)
    assert before["his", "text"] == SAID
    assert before["carols word", "text"] == ELSEWHERE
    row = request_rows(["ann"])[0]
    assert bench.erase([row]).output.splitlines()[-1].startswith("complete")
    after = _of_others(bench)
    assert after == before | {
        ("his", "text"): "[erased] is at [erased] or [erased], ask her",
        ("carols word", "text"): REDACTED,
        ("carols word", "metadata"): '{"https://x.example/?q=[erased]":["[erased]",true]}',
        ("carols", "description"): "About [erased]",
        ("bob", "metadata"): '{"friend":"[erased]","since":3}',
    }

    shutil.move(bench.privacy, bench.folder / "privacy")
    bench.copied_from(bench.folder / "backup")
    shutil.rmtree(bench.folder / "backup")
    shutil.move(bench.folder / "privacy", bench.privacy)
    assert _of_others(bench) == before
    assert "scan: clean" in bench.sunlake("erase", "replay").output
    assert _of_others(bench) == after
    assert "nobody is back" in bench.sunlake("erase", "verify").output

    for path in [*bench.lake.iterdir(), *(bench.lake / "_sunlake").iterdir()]:
        if path.name not in {"_sunlake", "privacy"}:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    bench.sunlake("export")
    assert _of_others(bench) == after
    assert oid("hers") not in {row["message_id"] for row in raw_rows(bench.lake, "messages", app_id=bench.app_id)}


def test_what_is_said_elsewhere_later_stays(bench: EraseBench) -> None:
    """The address may be a new customer's by then; only where it was redacted once, it is redacted for ever."""
    bench.erase(request_rows(["ann"])[:1])
    said = message("said anew", BEGINNING.replace(month=3), author="bob", text=ELSEWHERE)
    bench.sandbox.change(
        {
            "op": "add_conversation",
            "conversation": {"id": oid("new"), "type": "personal", "isDefault": False},
            "participants": [{"id": oid("new/bob"), "userId": oid("bob")}],
            "messages": [said],
        }
    )
    again = message("again", BEGINNING.replace(month=3), author="carol", text=ELSEWHERE)
    bench.sandbox.change({"op": "add_messages", "conversation_id": oid("carols"), "messages": [again]})
    bench.sunlake("export", "--sweep")
    found = _of_others(bench)
    assert (found["said anew", "text"], found["again", "text"]) == (ELSEWHERE, REDACTED)


@pytest.mark.parametrize("bench", ["report"], indirect=True)
def test_mentions_that_are_reported_are_listed_and_let_a_batch_be_complete(bench: EraseBench) -> None:
    """The plan counts the rows of all tables, the scan allows those and no others, in the models as well."""
    bench.sunlake("build")
    before = _of_others(bench)
    plan = bench.plan(request_rows(["ann"])[:1])
    stored = json.loads((bench.batches()[-1] / "plan.json").read_bytes())
    assert [subject["mentions"] for subject in stored["subjects"]] == [4]
    assert bench.sunlake(*plan, "--remove-input").output.splitlines()[-1].startswith("complete")
    assert _of_others(bench) == before
    report = json.loads((bench.batches()[-1] / "report.json").read_bytes())
    tables = {hit["path"].split("/")[1] for hit in report["scan"]["allowed"]}
    assert {"users", "conversations", "messages"} <= tables
    assert report["scan"]["hits"] == []


def _of_others(bench: EraseBench) -> dict[tuple[str, str], object]:
    """What the rows of others say, of whatever version."""
    names = {oid(name): name for name in ("his", "carols word", "carols", "bob", "carol", "said anew", "again")}
    found: dict[tuple[str, str], object] = {}
    for table, key in (("messages", "message_id"), ("conversations", "conversation_id"), ("users", "user_id")):
        for row in raw_rows(bench.lake, table, app_id=bench.app_id):
            for column in ("text", "content", "metadata", "description") if row[key] in names else ():
                if row.get(column) is not None and column != "content":
                    found[names[row[key]], column] = row[column]
    return found
