"""Keys, names, addresses and texts are nowhere but in the data files."""

from __future__ import annotations

import logging
import sqlite3
import time
import traceback
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.config import CallSettings
from tests.forked import Sandbox
from tests.integration.export_bench import Bench
from tests.integration.small_worlds import BEGINNING as EARLY
from tests.integration.small_worlds import SmallWorld, message, oid

CANARIES = (
    "Canaria-Givenname",
    "Canaria-Surname",
    "canaria@example.org",
    "canaria-external-7",
    "Canaria-Displayname",
    "Canaria text of a message",
    "canaria-metadata",
    "canaria-push-token",
)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A world full of canaries."""
    world = SmallWorld("canaria")
    profile = {"givenName": CANARIES[0], "surname": CANARIES[1], "email": CANARIES[2]}
    mail = [{"type": "email", "value": CANARIES[2]}]
    metadata = {"secret": CANARIES[6]}
    world.user("anna", externalId=CANARIES[3], profile=profile, identities=mail, metadata=metadata)
    for number in range(8):
        world.user(f"user{number}", externalId=f"{CANARIES[3]}-{number}", profile=profile)
        talk = f"talk{number}"
        world.conversation(talk, ["anna", f"user{number}"], messages=0, displayName=CANARIES[4], metadata=metadata)
        said = message(f"{talk}#0", EARLY, author="anna", text=CANARIES[5])
        said["author"]["displayName"] = CANARIES[4]
        world.lines.append({"table": "messages", "app_id": world.app_id, "object": said, "conversation_id": oid(talk)})
    with Sandbox(world.write(tmp_path)) as sandbox:
        bench = Bench(sandbox, tmp_path, calls=CallSettings(read_seconds=0.3, total_seconds=1.5))
        bench.seed([{"external_id": CANARIES[3]}, {"email": CANARIES[2]}, {"external_id": "canaria-nobody"}])
        yield bench


FAULTS = {
    "none": [],
    "errors": [{"kind": "status", "status": 503, "probability": 0.6}],
    "damage": [
        {"kind": "truncate", "probability": 0.5},
        {"kind": "reset", "probability": 0.3},
        {"kind": "shuffle"},
    ],
    "silence": [{"kind": "hang", "after": 6, "probability": 0.5}],
    "refusal": [{"kind": "status", "status": 400, "after": 8}],
    "revoked": [{"kind": "revoked", "after": 5}],
}


@pytest.mark.parametrize("name", FAULTS)
def test_nothing_secret_is_logged_recorded_or_raised(bench: Bench, caplog: pytest.LogCaptureFixture, name: str) -> None:
    """Whatever fails: log lines of every logger at DEBUG, the summary, the ledger and file names tell nothing."""
    bench.sandbox.set_faults(*FAULTS[name])
    for logger in [None, *logging.root.manager.loggerDict]:
        caplog.set_level(logging.DEBUG, logger)
    summary = bench.export(expect=None)
    told = [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    told += ["".join(traceback.format_exception(record.exc_info[1])) for record in caplog.records if record.exc_info]
    told += [repr(summary), str(summary.message)]
    if summary.error is not None:
        told.append("".join(traceback.format_exception(summary.error)))
    told += [str(path) for path in bench.lake.rglob("*")]
    told += list(_texts_of(bench.lake / "_sunlake" / "ledger.db"))
    _assert_silent(told, bench)


def test_the_command_line_tells_nothing_secret(bench: Bench) -> None:
    """Output at the highest verbosity, the list of processes and the files beside the data hold no canary."""
    bench.sandbox.set_faults(
        {"kind": "slow", "latency_ms": 30}, {"kind": "status", "status": 400, "after": 12, "probability": 0.5}
    )
    process = bench.start("--debug", "--verbose", "--log-format", "json", "export")
    told = []
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        told.append(_command_line(process.pid))
        time.sleep(0.05)
    output, errors = process.communicate(timeout=30)
    for command in (["status"], ["status", "--json"], ["doctor"], ["compact"], ["repair"], ["--debug", "status"]):
        ended = bench.command(*command)
        told += [ended.stdout, ended.stderr]
    private = bench.lake / "_sunlake"
    told += [file.read_bytes().decode("latin-1") for file in private.rglob("*") if file.is_file()]
    _assert_silent([*told, output, errors], bench)


@pytest.mark.parametrize(
    "rows",
    [
        [{"external_id": f" {CANARIES[3]}"}],
        [{"email": f"{CANARIES[2]} {CANARIES[2]}"}],
        [{"external_id": CANARIES[3], "email": CANARIES[2]}],
        [{"user_id": CANARIES[3]}],
        [{CANARIES[2]: "1"}],
    ],
)
def test_a_message_about_seeds_does_not_quote_them(bench: Bench, rows: list[dict[str, str]]) -> None:
    """Wrong seeds are named by their line, not by their value."""
    bench.seed_files.clear()
    bench.seed(rows)
    ended = bench.command("--debug", "export")
    assert ended.returncode == 2, ended
    _assert_silent([ended.stdout, ended.stderr], bench)


def _assert_silent(told: list[str], bench: Bench) -> None:
    key = bench.key
    for secret in (*CANARIES, "canaria-nobody", key.secret):
        quoted = [text[max(0, text.find(secret) - 200) :][:400] for text in told if secret in text]
        assert not quoted, (secret, quoted[0])


def _texts_of(file: Path) -> Iterator[str]:
    with closing(sqlite3.connect(file)) as connection:
        yield from connection.iterdump()


def _command_line(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
