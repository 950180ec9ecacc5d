"""Erasure on a lake in a bucket that several machines write, with one ledger on PostgreSQL."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.walk import ledger as tables
from tests.integration.erasure_town import request_rows
from tests.integration.postgres import new_database
from tests.integration.s3_erase_bench import MakeErasing, S3EraseBench, needles
from tests.integration.small_worlds import BEGINNING, HOUR, message, oid

LEAVER = ("leaver",)
STOPPING_SECONDS = 60
LEASE_SECONDS = 6.0


@pytest.fixture
def bench(erasing: MakeErasing, postgres_url: str) -> S3EraseBench:
    """A lake that two machines have written."""
    bench = erasing(ledger_url=new_database(postgres_url))
    bench.keep_versions()
    bench.sunlake("export")
    bench.machine = "two"
    said = message("later", BEGINNING + HOUR * 30, author="leaver", text="Later words of leaver")
    bench.sandbox.change({"op": "add_messages", "conversation_id": oid("group"), "messages": [said]})
    bench.sunlake("export")
    bench.machine = "one"
    return bench


def test_another_machine_neither_writes_meanwhile_nor_brings_anybody_back(bench: S3EraseBench) -> None:
    """How far its export is can't be known here: it has to end first, and the batch is partial until then.

    Later it takes in the list of suppressions from the bucket, even if upstream should have the person again.
    """
    apply = (*bench.plan(request_rows(LEAVER))[:-1], "1", "--remove-input")
    before = bench.rows()
    bench.machine = "two"
    said = message("meanwhile", BEGINNING + HOUR * 50, author="stayer", text="Meanwhile")
    bench.sandbox.change({"op": "add_messages", "conversation_id": oid("group"), "messages": [said]})
    with _stopped(bench, "export", at="before bucket upload#1"):
        bench.machine = "one"
        ended = bench.command(*apply)
        assert (ended.returncode, "the lake is not done" in ended.stderr) == (3, True), ended
        assert bench.rows() == before
    bench.launcher_of().ended()
    assert bench.sunlake(*apply).output.splitlines()[-1].startswith("complete")
    assert (bench.saying(needles()), bench.older()) == ([], [])
    bench.sandbox.reset()
    bench.machine = "two"
    told = bench.sunlake("export", "--sweep")
    assert "left out, since they were suppressed" in told.output + told.errors
    assert bench.saying(needles()) == []
    assert "nobody is back" in bench.sunlake("erase", "verify").output


def test_an_eraser_that_slept_while_another_machine_wrote_changes_nothing_more(bench: S3EraseBench) -> None:
    """Its lease is lost when it wakes: the file that it was about to replace stays, and it can be resumed."""
    apply = (*bench.plan(request_rows(LEAVER)), "--remove-input")
    bench.lease_seconds = LEASE_SECONDS
    with _stopped(bench, *apply, at="before bucket upload in derived#1"):
        ledger = bench.ledger()
        with ledger.write() as connection:
            connection.execute(tables.leases.update().values(expires_at=1.0))
        ledger.close()
        bench.machine = "two"
        assert bench.command("export").returncode == 0
        time.sleep(LEASE_SECONDS)  # by its own clock, too, the eraser's lease is over
        files = {key: etag for key, etag in bench.server.keys(bench.bucket).items() if "/app_id=" in key}
    ended = bench.launcher_of().ended()
    assert ended.code == 3, ended
    assert "took this one's place" in ended.errors
    assert {key: etag for key, etag in bench.server.keys(bench.bucket).items() if "/app_id=" in key} == files
    bench.machine, bench.lease_seconds = "one", 60.0
    assert bench.sunlake(*apply).output.splitlines()[-1].startswith("complete")
    assert (bench.saying(needles()), bench.older()) == ([], [])


@contextmanager
def _stopped(bench: S3EraseBench, *arguments: str, at: str) -> Iterator[None]:
    """A command that has stopped itself at a point, and goes on when the context ends."""
    environ = bench.environment() | {"DRIVER_STOP_AT": at}
    process = bench.launcher_of().start(arguments, environ=environ, folder=bench.folder)
    deadline = time.monotonic() + STOPPING_SECONDS
    try:
        while Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield
    finally:
        os.kill(process, signal.SIGCONT)
