"""Several machines, one ledger on PostgreSQL, one lake in a bucket: one writer at a time, whatever becomes of it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipeline.config import CommitSettings
from pipeline.errors import LedgerError, LockedError
from pipeline.lake.compact import compact_app
from pipeline.lake.layout import Lake
from pipeline.lake.lease import Lease, read_holder
from pipeline.lake.lock import lock_holder, writer_lock
from pipeline.walk import ledger as tables
from pipeline.walk.ledger import Ledger, open_ledger
from tests.integration.conftest import ServeS3
from tests.integration.export_bench import KILLED
from tests.integration.postgres import new_database
from tests.integration.s3_bench import S3Bench
from tests.integration.small_worlds import SmallWorld, oid

STOPPING_SECONDS = 60


@pytest.fixture
def ledger(postgres_url: str) -> Iterator[Ledger]:
    """An empty ledger on PostgreSQL."""
    ledger = open_ledger(new_database(postgres_url))
    yield ledger
    ledger.close()


@pytest.fixture
def bench(serve_s3: ServeS3, postgres_url: str) -> S3Bench:
    """A lake that several machines write, of one person whose history lies in two months."""
    world = SmallWorld("lease").user("anna", clients=["client of anna"])
    world.conversation("talk of anna", ["anna"], messages=120, every=timedelta(hours=5))
    commit = CommitSettings(seconds=600, pages=8)
    return serve_s3(world, max_concurrency=1, commit=commit, ledger_url=new_database(postgres_url))


def test_a_lease_is_renewed_while_its_holder_lives_and_taken_when_it_is_silent(ledger: Ledger) -> None:
    """It outlasts its time only if kept; then another machine has it, and the first one can decide nothing."""
    first, second = (Lease(ledger, "lake app", seconds=1.0) for _ in range(2))
    first.take("app", what="export", machine="one")
    with first.kept():
        time.sleep(1.5)
        first.check()
        with pytest.raises(LockedError, match="`sunlake export` is writing app app since"):
            second.take("app", what="compact", machine="two")
    assert read_holder(ledger, "lake app") is None, "given back at the end"
    first.take("app", what="export", machine="one")
    _take_when_free(second)
    for refused in (first.check, first.renew):
        with pytest.raises(LockedError, match="took this one's place"):
            refused()
    with pytest.raises(LockedError):
        _decide(ledger, first)
    first.give_back()
    holder = read_holder(ledger, "lake app")
    assert holder is not None
    assert holder.what == "compact", "who lost a lease can't give it back"
    assert not _is_decided(ledger)


def test_a_holder_that_falls_silent_in_a_transaction_does_not_keep_the_others_waiting(ledger: Ledger) -> None:
    """The server ends its transaction, of which nothing is decided, and another machine goes on."""
    first, second = (Lease(ledger, "lake app", seconds=1.0) for _ in range(2))
    first.take("app", what="export", machine="one")
    with pytest.raises(LedgerError):
        _decide(ledger, first, meanwhile=lambda: _take_when_free(second))
    assert not _is_decided(ledger)


def test_a_machine_finishes_what_another_decided_before_it_died(bench: S3Bench) -> None:
    """Staged files are in the bucket, so the lake is complete without the dead machine's disk."""
    _kill_amid_publishing(bench)
    bench.machine = "two"
    message = bench.export(expect="failed").message or ""
    assert "`sunlake export` is writing app" in message
    assert lock_holder(Lake(bench.place), bench.app_id) is not None
    _expire(bench)
    bench.export()
    bench.assert_finished()


def test_the_machine_of_a_writer_that_died_goes_on_at_once(bench: S3Bench) -> None:
    """Its lock file tells that the writer is dead, so nobody has to wait for the lease to run out."""
    _kill_amid_publishing(bench)
    bench.export()
    bench.assert_finished()


@pytest.mark.parametrize(
    ("step", "code"),
    [("after bucket upload", 1), ("before bucket copy", 1), ("before bucket delete", 0)],
    ids=["deciding", "publishing", "cleaning up"],
)
def test_a_writer_that_slept_while_another_took_its_place_changes_nothing(bench: S3Bench, step: str, code: int) -> None:
    """It wakes amid a commit that the other has finished and compacted since; it fails if it has more to do."""
    assert bench.launcher is not None
    points = bench.points("export")
    bench.reset_lake()
    _forget(bench)
    environ = bench.environment() | {"DRIVER_STOP_AT": f"{step}#{points.count(step)}"}
    process = bench.launcher.start(["export"], environ=environ, folder=bench.folder)
    try:
        _await_stop(process)
        bench.machine = "two"
        _expire(bench)
        bench.export()
        bench.sandbox.change({"op": "add_messages", "conversation_id": oid("talk of anna"), "count": 2})
        bench.export()
        _compact(bench)
        before = bench.get()
    finally:
        os.kill(process, signal.SIGCONT)
    ended = bench.launcher.ended()
    assert ended.code == code, ended
    assert bench.get() == before
    bench.assert_finished()


def _decide(ledger: Ledger, lease: Lease, *, meanwhile: Callable[[], None] = lambda: None) -> None:
    with ledger.write() as connection:
        connection.execute(tables.meta.insert().values(key="decided", value="yes"))
        lease.renew_within(connection)
        meanwhile()


def _is_decided(ledger: Ledger) -> bool:
    with ledger.read() as connection:
        return bool(connection.scalar(sa.select(tables.meta.c.value).where(tables.meta.c.key == "decided")))


def _take_when_free(lease: Lease) -> None:
    deadline = time.monotonic() + STOPPING_SECONDS
    while True:
        try:
            lease.take("app", what="compact", machine="two")
        except LockedError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


def _forget(bench: S3Bench) -> None:
    """Empty the ledger."""
    ledger = bench.ledger()
    with ledger.write() as connection:
        for table in tables.metadata.sorted_tables:
            if table is not tables.meta:
                connection.execute(table.delete())
    ledger.close()


def _expire(bench: S3Bench) -> None:
    """Let the time of all leases pass."""
    ledger = bench.ledger()
    with ledger.write() as connection:
        connection.execute(tables.leases.update().values(expires_at=1.0))
    ledger.close()


def _await_stop(process: int) -> None:
    deadline = time.monotonic() + STOPPING_SECONDS
    while Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _kill_amid_publishing(bench: S3Bench) -> None:
    assert bench.driven("export", DRIVER_KILL_AT="before bucket copy#3").code == KILLED


def _compact(bench: S3Bench) -> None:
    lake, ledger = Lake(bench.place), bench.ledger()
    with writer_lock(lake, bench.app_id, what="compact"):
        assert compact_app(lake, ledger, bench.app_id)
    ledger.close()
