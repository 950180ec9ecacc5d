"""Opening, writing and refusing ledgers."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from pipeline.errors import LakeVersionError, LedgerError, StorageError
from pipeline.walk import ledger as tables
from pipeline.walk.ledger import Ledger, ledger_file, open_ledger


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A ledger that is not there yet."""
    return f"sqlite:///{tmp_path}/new/ledger.db"


def test_a_transaction_that_fails_leaves_nothing(url: str) -> None:
    """Either all of a transaction is there afterwards or nothing."""
    ledger = open_ledger(url)
    with pytest.raises(ZeroDivisionError):
        _write_and_fail(ledger)
    with ledger.read() as connection:
        assert connection.scalar(sa.select(tables.meta.c.value).where(tables.meta.c.key == "a")) is None
    ledger.close()


def test_upsert_overwrites_and_insert_new_does_not(url: str) -> None:
    """One replaces what has the same key, the other leaves it alone."""
    ledger = open_ledger(url)
    with ledger.write() as connection:
        ledger.upsert(connection, tables.meta, [{"key": "a", "value": "1"}, {"key": "b", "value": "1"}])
        ledger.upsert(connection, tables.meta, [{"key": "a", "value": "2"}])
        ledger.insert_new(connection, tables.meta, [{"key": "b", "value": "2"}, {"key": "c", "value": "2"}])
        ledger.upsert(connection, tables.meta, [])
    with ledger.read() as connection:
        found = {row.key: row.value for row in connection.execute(sa.select(tables.meta))}
    assert (found["a"], found["b"], found["c"]) == ("2", "1", "2")
    ledger.close()


def test_writers_wait_for_each_other(url: str) -> None:
    """Threads that write at the same time all get their turn."""
    ledger = open_ledger(url)

    def write(number: int) -> None:
        for round_ in range(5):
            with ledger.write() as connection:
                ledger.upsert(connection, tables.meta, [{"key": f"{number}-{round_}", "value": ""}])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ledger.read() as connection:
        count = connection.scalar(sa.select(sa.func.count()).select_from(tables.meta).where(tables.meta.c.value == ""))
    assert count == 20
    ledger.close()


def test_a_later_version_is_refused(url: str) -> None:
    """A ledger that a newer sunlake has written is not touched."""
    ledger = open_ledger(url)
    with ledger.write() as connection:
        connection.execute(tables.meta.update().where(tables.meta.c.key == "version").values(value="99"))
    ledger.close()
    with pytest.raises(LakeVersionError, match="pip install -U sunlake"):
        open_ledger(url)


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_told_with_the_remedy(url: str, content: bytes) -> None:
    """What is no database is called damaged, and `sunlake repair` is named."""
    file = ledger_file(url)
    assert file is not None
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(LedgerError, match="sunlake repair"):
        open_ledger(url)


def test_a_folder_in_the_place_of_the_file_is_told(url: str) -> None:
    """A ledger that can't be opened is an error of storage."""
    file = ledger_file(url)
    assert file is not None
    file.mkdir(parents=True)
    with pytest.raises(StorageError, match="permissions"):
        open_ledger(url)


def test_a_malformed_url_is_told() -> None:
    """The message shows a good one."""
    with pytest.raises(LedgerError, match="sqlite:////path"):
        open_ledger("not a url")


def _write_and_fail(ledger: Ledger) -> None:
    with ledger.write() as connection:
        ledger.upsert(connection, tables.meta, [{"key": "a", "value": "1"}])
        raise ZeroDivisionError
