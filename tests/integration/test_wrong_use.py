"""Wrong settings, keys and seeds at the command line: a message that says what to do, the right exit code, no harm."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.config import CallSettings
from tests.forked import Sandbox
from tests.integration.export_bench import Bench
from tests.integration.lake_truth import assert_same_as_world, data_files
from tests.integration.launcher import Ended, Launcher
from tests.integration.small_worlds import SmallWorld, oid

FAILED, WRONG_USE, IN_PART = 1, 2, 3


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, launcher: Launcher) -> Iterator[Bench]:
    """A small lake that no wrong use may harm."""
    folder = tmp_path_factory.mktemp("wrong")
    world = SmallWorld("wrong").user("anna").conversation("talk", ["anna"], messages=3)
    with Sandbox(world.write(folder)) as sandbox:
        bench = Bench(sandbox, folder, launcher=launcher, calls=CallSettings(read_seconds=1.0, total_seconds=1.0))
        bench.export()
        yield bench
        bench.export()
        assert_same_as_world(bench.lake, sandbox)


@pytest.mark.parametrize(
    ("changed", "code", "words"),
    [
        ({"SECRET": ""}, WRONG_USE, ["environment variable SECRET is not set", "Admin Center"]),
        ({"KEY_ID": "", "SECRET": ""}, WRONG_USE, ["KEY_ID and SECRET"]),
        ({"SECRET": "wrong"}, FAILED, ["the key was refused", "check the key id"]),
        ({"KEY_ID": "app_000000000000000000000000"}, FAILED, ["the key was refused"]),
        ({"SUNLAKE_CONFIG": "/nowhere/sunlake.toml"}, WRONG_USE, ["does not exist", "sunlake init"]),
        ({"SUNLAKE_LEDGER_URL": "not a url"}, FAILED, ["ledger URL is malformed"]),
        ({"SUNLAKE_COMMIT_PAGES": "many"}, WRONG_USE, ["SUNLAKE_COMMIT_PAGES must be a number"]),
        ({"SUNLAKE_COMMIT_PAGES": "0"}, WRONG_USE, ["must be above 0"]),
    ],
)
def test_a_wrong_environment_is_told(exported: Bench, changed: dict[str, str], code: int, words: list[str]) -> None:
    """The message names the variable and what to do; the lake stays as it is."""
    _assert_told(exported, changed, ["export"], code=code, words=words)


@pytest.mark.parametrize(
    ("base_url", "app_id", "code", "words"),
    [
        ("http://example.org", None, WRONG_USE, ["clear text", "https"]),
        ("ftp://example.org", None, WRONG_USE, ["must be a URL"]),
        ("https://user:word@example.org/sc", None, WRONG_USE, ["must not hold", "a user"]),
        ("http://127.0.0.1:9", None, FAILED, ["run again later"]),
        ("https://unreachable.invalid/sc", None, FAILED, ["run again later"]),
        (None, "../5d8cff3cd55b040010928b5b", WRONG_USE, ["letters and digits"]),
        (None, "000000000000000000000000", FAILED, ["app_id", "Conversations API"]),
    ],
)
def test_a_wrong_address_is_told(
    exported: Bench, base_url: str | None, app_id: str | None, code: int, words: list[str]
) -> None:
    """Neither a host that can't be reached nor one that must not be asked harms anything."""
    changed = {
        "SUNLAKE_APP_ID": app_id or exported.app_id,
        "SUNLAKE_BASE_URL": base_url or exported.sandbox.base_url,
        "SUNLAKE_KEY_ID": exported.key.id,
        "SUNLAKE_SECRET": exported.key.secret,
    }
    arguments = ["export"] if app_id is None else ["export", "--seeds", f"select '{oid('anna')}' as user_id"]
    _assert_told(exported, changed, arguments, code=code, words=words)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.csv", None, ["no such file"]),
        ("empty.csv", b"", ["at least one seed is needed"]),
        ("header.csv", b"user_id\n", ["is empty"]),
        ("latin.csv", "external_id\nJosé\n".encode("latin-1"), ["not UTF-8", "line 2"]),
        ("utf16.csv", "external_id\nab\n".encode("utf-16"), ["not UTF-8", "line 1"]),
        ("columns.csv", b"user_id,phone\n1,2\n", ["unknown column 'phone'", "known are user_id"]),
        ("none.csv", b"name\nx\n", ["one of the columns user_id"]),
        ("dots.csv", b"external_id\n..\n", ["line 2", "dot segment"]),
        ("long.csv", b"external_id\n" + b"x" * 1025 + b"\n", ["1025 characters where 1024 are allowed"]),
        ("nul.jsonl", json.dumps({"external_id": "a\0b"}).encode(), ["line 1", "control character"]),
        ("id.csv", b"user_id\n../../etc\n", ["not 24 hexadecimal digits"]),
        ("app.csv", b"app_id,user_id\nother,5d8cff3cd55b040010928b5b\n", ["not one of the configured apps"]),
        ("two.csv", b"user_id,email\n5d8cff3cd55b040010928b5b,a@b\n", ["exactly one of"]),
        ("half.jsonl", b'{"user_id": ', ["line 1", "not valid JSON"]),
        ("torn.parquet", b"PAR1 torn", ["not a readable Parquet file"]),
        ("users.xlsx", b"PK", ["ends in .csv, .jsonl"]),
    ],
)
def test_wrong_seeds_are_told(exported: Bench, name: str, content: bytes | None, words: list[str]) -> None:
    """Wrong seeds are refused before any call, by file and line."""
    file = exported.folder / name
    if content is not None:
        file.write_bytes(content)
    exported.sandbox.reset_stats()
    ended = _assert_told(exported, {}, ["export", "--seeds", str(file)], code=WRONG_USE, words=[name, *words])
    assert exported.sandbox.stats()["calls"] == 0, ended


def test_an_external_id_of_the_greatest_length_is_asked_for(exported: Bench) -> None:
    """1,024 characters are allowed; nobody has such an id, which is no failure, but said, as by `status` later."""
    file = exported.folder / "longest.csv"
    file.write_text("external_id\n" + "ü" * 1024 + "\n")
    ended = exported.driven("export", "--seeds", str(file))
    assert ended.code == 0, ended
    told = "seeds that named nobody (external_id or email): 1;"
    assert told in ended.output
    assert told in exported.driven("status").output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["export", "--app", "5d8cff3cd55b040010928b5b"], ["is not configured"]),
        (["export", "--limit", "0"], ["--limit"]),
        (["export", "--nonsense"], ["No such option"]),
        (["nonsense"], ["nonsense"]),
        (["compact", "--min-files", "0"], ["--min-files"]),
        (["--config", "/nowhere.toml", "status"], ["does not exist"]),
    ],
)
def test_wrong_arguments_are_told(exported: Bench, arguments: list[str], words: list[str]) -> None:
    """What the command line does not know ends with exit code 2."""
    _assert_told(exported, {}, arguments, code=WRONG_USE, words=words)


def test_no_seeds_at_all_is_told(exported: Bench, tmp_path: Path) -> None:
    """A first run without seeds says how to name some."""
    bench = Bench(exported.sandbox, tmp_path, launcher=exported.launcher)
    ended = bench.driven("export")
    assert ended.code == WRONG_USE
    assert "--seeds FILE" in ended.output + ended.errors


@pytest.mark.parametrize("command", ["status", "compact", "repair", "sql"])
def test_a_lake_that_is_not_there_is_told(exported: Bench, tmp_path: Path, command: str) -> None:
    """Commands that read a lake say how to fill one, and make none."""
    bench = Bench(exported.sandbox, tmp_path, launcher=exported.launcher)
    ended = bench.driven(command, *(["select 1"] if command == "sql" else []))
    assert ended.code == FAILED, ended
    assert "sunlake export" in ended.errors
    assert not bench.lake.exists()


def test_a_run_that_is_done_in_part_exits_with_3(exported: Bench, tmp_path: Path) -> None:
    """`--limit` leaves work, which the summary tells and the next run does."""
    world = SmallWorld("limited")
    for name in ("anna", "ben", "cleo"):
        world.user(name).conversation(f"talk of {name}", [name], messages=2)
    with Sandbox(world.write(tmp_path)) as sandbox:
        bench = Bench(sandbox, tmp_path, launcher=exported.launcher)
        bench.seed()
        first = bench.driven("export", "--limit", "1")
        assert first.code == IN_PART
        assert "run the same command again" in first.output
        assert bench.driven("export").code == 0
        assert_same_as_world(bench.lake, sandbox)


def _assert_told(bench: Bench, changed: dict[str, str], arguments: list[str], *, code: int, words: list[str]) -> Ended:
    before = data_files(bench.lake)
    ended = bench.driven(*arguments, **changed)
    told = ended.output + ended.errors
    assert ended.code == code, ended
    for word in words:
        assert word in told, (word, told)
    assert "Traceback" not in told
    assert "internal error" not in told
    assert data_files(bench.lake) == before
    return ended
