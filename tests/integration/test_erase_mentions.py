"""Mentions that an erasure redacted, when everything is exported anew and after a backup was restored."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.forked import Sandbox
from tests.integration.erase_bench import EraseBench
from tests.integration.erasure_town import request_rows, say
from tests.integration.lake_truth import raw_rows
from tests.integration.launcher import Launcher
from tests.integration.small_worlds import BEGINNING, SmallWorld, message, oid

SAID = "Ann Canary-Lee is at ann@people.example or +49 170 1234567, ask her"


@dataclass
class RedactingBench(EraseBench):
    """A bench whose settings let mentions be redacted."""

    def _toml(self) -> str:
        return super()._toml() + '[privacy]\nmentions = "redact"\n'


@pytest.fixture
def bench(tmp_path: Path, launcher: Launcher) -> Iterator[RedactingBench]:
    """Ann and Bob in a club, in which Bob speaks of Ann; an exported lake."""
    world = SmallWorld("mentions")
    profile = {"givenName": "Ann", "surname": "Canary-Lee", "email": "ann@people.example"}
    world.user("ann", clients=["ann-phone"], externalId="crm-ann", profile=profile).user("bob")
    clients = [line for line in world.lines if line["table"] == "clients"]
    clients[0]["object"] |= {"type": "whatsapp", "externalId": "+491701234567"}
    world.conversation("anns", ["ann"], messages=2).conversation("club", ["ann", "bob"], messages=0)
    say(world, "club", message("hers", BEGINNING, author="ann"))
    say(world, "club", message("his", BEGINNING, author="bob", text=SAID))
    with Sandbox(world.write(tmp_path)) as server:
        bench = RedactingBench(server, tmp_path / "bench", launcher=launcher)
        bench.seed([{"user_id": oid("ann")}, {"user_id": oid("bob")}])
        bench.export()
        yield bench


def test_what_was_redacted_stays_so_in_a_restored_lake_and_in_one_begun_anew(bench: RedactingBench) -> None:
    """The mention is there upstream and in the backup; what knows the list of suppressions never shows it again."""
    shutil.copytree(bench.lake, bench.folder / "backup")
    assert _his(bench) == SAID
    row = request_rows(["ann"])[0]
    assert bench.erase([row]).output.splitlines()[-1].startswith("complete")
    redacted = "[erased] is at [erased] or [erased], ask her"
    assert _his(bench) == redacted

    shutil.move(bench.privacy, bench.folder / "privacy")
    bench.copied_from(bench.folder / "backup")
    shutil.rmtree(bench.folder / "backup")
    shutil.move(bench.folder / "privacy", bench.privacy)
    assert _his(bench) == SAID
    assert "scan: clean" in bench.sunlake("erase", "replay").output
    assert _his(bench) == redacted
    assert "nobody is back" in bench.sunlake("erase", "verify").output

    for path in [*bench.lake.iterdir(), *(bench.lake / "_sunlake").iterdir()]:
        if path.name not in {"_sunlake", "privacy"}:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    bench.sunlake("export")
    assert _his(bench) == redacted
    assert oid("hers") not in {row["message_id"] for row in raw_rows(bench.lake, "messages", app_id=bench.app_id)}


def _his(bench: RedactingBench) -> str:
    (text,) = {
        row["text"] for row in raw_rows(bench.lake, "messages", app_id=bench.app_id) if row["message_id"] == oid("his")
    }
    return str(text)
