"""A part of a backup beside a lake that people were erased from: `verify` sees it, and `replay` makes it good."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.forked import Sandbox
from tests.integration.erase_bench import EraseBench, occurrences
from tests.integration.erasure_town import request_rows, say
from tests.integration.lake_truth import raw_rows
from tests.integration.launcher import Launcher
from tests.integration.small_worlds import BEGINNING, SmallWorld, message, oid

MAIL = "ann@people.example"


@dataclass
class RestoredBench(EraseBench):
    """A bench that puts parts of a backup back."""

    def backup(self) -> Path:
        """A copy of the lake as it is."""
        return Path(shutil.copytree(self.lake, self.folder / "backup"))

    def restore(self, backup: Path, *patterns: str) -> None:
        """Put files of a backup in the place of those that are there."""
        for file in sorted(file for pattern in patterns for file in backup.glob(pattern)):
            place = self.lake / file.relative_to(backup)
            for older in place.parent.glob("*.parquet"):
                older.unlink()
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
        shutil.rmtree(backup)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Ann and Bob in a club in January; in February Bob quotes her, in March he names her, in April he does neither."""
    world = SmallWorld("restored")
    profile = {"givenName": "Ann", "surname": "Canary-Lee", "email": MAIL}
    world.user("ann", clients=["ann-phone"], externalId="crm-ann", profile=profile).user("bob")
    world.conversation("anns", ["ann"], messages=4).conversation("club", ["ann", "bob"], messages=0)
    say(world, "anns", message("told", BEGINNING.replace(day=20), text=f"Dear {MAIL}"))
    say(world, "club", message("hers", BEGINNING, author="ann"))
    quoting = message("quoting", BEGINNING.replace(month=2), author="bob")
    quoted = {"type": "message", "message": message("hers", BEGINNING, author="ann")}
    say(world, "club", quoting | {"quotedMessage": quoted})
    say(world, "club", message("naming", BEGINNING.replace(month=3), author="bob", text=f"Ask {MAIL}"))
    say(world, "club", message("neither", BEGINNING.replace(month=4), author="bob"))
    with Sandbox(world.write(tmp_path_factory.mktemp("world"))) as running:
        yield running


@pytest.fixture(params=["whole"])
def bench(tmp_path: Path, launcher: Launcher, server: Sandbox, request: pytest.FixtureRequest) -> RestoredBench:
    """An exported lake with its models."""
    server.reset()
    chosen = f'mentions = "redact"\nscope = "{request.param}"'
    bench = RestoredBench(server, tmp_path / "bench", launcher=launcher, privacy_settings=chosen)
    bench.seed([{"user_id": oid(name)} for name in ("ann", "bob")])
    bench.export()
    bench.sunlake("build")
    return bench


@pytest.mark.parametrize(
    ("patterns", "told"),
    [
        (["messages/*/month=2026-02/*"], "lake: 2 ids of people who were erased"),
        (["messages/*/month=2026-03/*"], "lake: 1 row of others with a mention of them that was redacted once"),
        (["_sunlake/warehouse.duckdb"], "models: "),
        (["marts/fct_sessions/*/*"], "models: "),
    ],
    ids=["a quote", "a mention", "the warehouse", "a mart"],
)
def test_whatever_comes_back_alone_is_seen_and_goes_again(bench: RestoredBench, patterns: list[str], told: str) -> None:
    """Verify tells what is back and fails; after a replay everything is as it was, and nobody is back."""
    backup = bench.backup()
    bench.erase(request_rows(["ann"])[:1])
    assert "nobody is back" in bench.sunlake("erase", "verify").output
    words = _words(bench)
    bench.restore(backup, *patterns)
    assert told in bench.sunlake("erase", "verify", code=1).output
    assert "scan: clean" in bench.sunlake("erase", "replay").output
    assert "nobody is back" in bench.sunlake("erase", "verify").output
    assert _words(bench) == words
    assert not occurrences(bench.lake, [MAIL, oid("ann"), oid("hers"), oid("anns")])


def test_what_is_nobodys_comes_back_as_it_was(bench: RestoredBench) -> None:
    """A file of a backup in which nobody erased is named is no reason for a replay."""
    backup = bench.backup()
    bench.erase(request_rows(["ann"])[:1])
    bench.restore(backup, "messages/*/month=2026-04/*")
    assert "nobody is back" in bench.sunlake("erase", "verify").output
    assert "nothing to erase again" in bench.sunlake("erase", "replay").output


def test_a_masked_person_is_back_only_with_what_was_masked(bench: RestoredBench) -> None:
    """Whoever asked for less than erasure stays in the lake; a file with their names in it does not."""
    backup = bench.backup()
    bench.erase([request_rows(["ann"], action="pii_only")[0]])
    assert "nobody is back" in bench.sunlake("erase", "verify").output
    bench.restore(backup, "users/*/*")
    assert "lake: 1 id of people who were erased" in bench.sunlake("erase", "verify", code=1).output
    bench.sunlake("erase", "replay")
    assert "nobody is back" in bench.sunlake("erase", "verify").output
    (row,) = [row for row in raw_rows(bench.lake, "users", app_id=bench.app_id) if row["user_id"] == oid("ann")]
    assert (row["email"], row["surname"]) == (None, None)
    assert len(list(raw_rows(bench.lake, "messages", app_id=bench.app_id))) == 9


@pytest.mark.parametrize("bench", ["authored"], indirect=True)
def test_conversations_whose_business_words_stay_bring_nobody_back(bench: RestoredBench) -> None:
    """Where only what a person wrote is erased, the conversation that is left is theirs by right, in models as well."""
    backup = bench.backup()
    bench.erase(request_rows(["ann"])[:1])
    words = _words(bench)
    left = {message_id: text for message_id, text, _ in words}
    assert {oid("anns#1"), oid("anns#3")} <= left.keys()
    assert not {oid("anns#0"), oid("anns#2"), oid("hers")} & left.keys()
    assert left[oid("told")] == "Dear [erased]"
    bench.sunlake("export", "--sweep")
    assert _words(bench) == words
    bench.sunlake("build")
    bench.sunlake("check")
    assert "nobody is back" in bench.sunlake("erase", "verify").output
    bench.restore(backup, "messages/*/month=2026-01/*")
    bench.sunlake("erase", "verify", code=1)
    assert "scan: clean" in bench.sunlake("erase", "replay").output
    assert _words(bench) == words
    assert not occurrences(bench.lake, [MAIL, oid("ann"), oid("hers")])


def _words(bench: RestoredBench) -> set[tuple[object, ...]]:
    rows = raw_rows(bench.lake, "messages", app_id=bench.app_id)
    return {(row["message_id"], row["text"], row["quoted_message"]) for row in rows}
