"""The database below the ledger: SQLite or PostgreSQL, made ready for writers side by side and for sudden ends.

Knows nothing of the ledger's tables. Its errors become ours, without the statements, whose parameters hold ids.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from pipeline.errors import LedgerError, StorageError

SQLITE_LOCK_WAIT_SECONDS = 60
_CREATING = 0x73756E6C616B65  # any number, the same in every process


def open_engine(url: str) -> sa.Engine:
    """The database of a URL.

    Raises:
        LedgerError: the URL is malformed, or a driver is missing.
    """
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError:
        raise LedgerError(
            "the ledger URL is malformed; use sqlite:////path/to/ledger.db or postgresql+psycopg://host/db"
        ) from None
    if parsed.get_backend_name() != "sqlite":
        try:
            return sa.create_engine(parsed, pool_pre_ping=True)
        except ModuleNotFoundError as error:
            raise LedgerError(
                f"the ledger needs {error.name}; install it with: pip install 'sunlake[postgres]'"
            ) from None
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(
        parsed,
        connect_args={"timeout": SQLITE_LOCK_WAIT_SECONDS, "check_same_thread": False, "isolation_level": None},
    )
    sa.event.listen(engine, "connect", _on_sqlite_connect)
    sa.event.listen(engine, "begin", _on_sqlite_begin)
    return engine


def create(engine: sa.Engine, metadata: sa.MetaData, *, then: Callable[[sa.Connection], None]) -> None:
    """Create the tables that are missing, and look at what there is within the same transaction.

    Several processes may try at once, and SQLite does not wait while a file becomes WAL.
    """
    deadline = time.monotonic() + SQLITE_LOCK_WAIT_SECONDS
    while True:
        try:
            with engine.connect().execution_options(sunlake_write=True) as connection, connection.begin():
                if connection.dialect.name == "postgresql":
                    # Two machines that begin at once: the second waits until the tables of the first are there.
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CREATING)))
                metadata.create_all(connection)
                then(connection)
        except sa.exc.OperationalError as error:
            if "locked" not in str(error.orig) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def truncate_log(driver: Any) -> None:
    """Move the whole log into the database and cut it to nothing; readers may delay that.

    Raises:
        LedgerError: they delayed it for too long.
    """
    deadline = time.monotonic() + SQLITE_LOCK_WAIT_SECONDS
    while driver.execute("pragma wal_checkpoint(truncate)").fetchone()[0]:
        if time.monotonic() > deadline:
            raise LedgerError("the ledger is busy (its log can't be cut); try again when other sunlakes are done")
        time.sleep(0.05)


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of the database into ours.

    Raises:
        LedgerError, StorageError: instead of the database's.
    """
    try:
        yield
    except sa.exc.DBAPIError as error:
        # The statement and its parameters hold ids, hence `from None` and the driver's own words only.
        raise ledger_error(str(error.orig)) from None


def ledger_error(reason: str) -> LedgerError | StorageError:
    """The error for what a driver said, with a remedy."""
    lowered = reason.lower()
    if "readonly" in lowered or "read-only" in lowered or "unable to open" in lowered:
        return StorageError(
            f"the ledger can't be written ({reason}); check the permissions of the lake's _sunlake folder"
        )
    if "full" in lowered or "disk i/o" in lowered:
        return StorageError(f"the ledger can't be written ({reason}); free disk space and run the command again")
    if "malformed" in lowered or "not a database" in lowered:
        return LedgerError(f"the ledger is damaged ({reason}); rebuild it from the lake with `sunlake repair`")
    if "locked" in lowered:
        return LedgerError(f"the ledger is busy ({reason}); another sunlake holds it, try again when it is done")
    return LedgerError(f"the ledger can't be used ({reason.splitlines()[0] if reason else 'no reason given'})")


def _on_sqlite_connect(connection: Any, _record: Any) -> None:
    # FULL: a decided commit must survive a power cut, since its files are renamed on the strength of it.
    # secure_delete: an id that was deleted must not survive in the free space of a page.
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "cache_size = -32000",
        "temp_store = MEMORY",
        "secure_delete = on",
    ):
        connection.execute(f"pragma {pragma}")


def _on_sqlite_begin(connection: sa.Connection) -> None:
    # A writer takes the lock at once: upgrading a read transaction later can fail without waiting.
    options = connection.get_execution_options()
    if not options.get("sunlake_once", False):
        connection.exec_driver_sql("begin immediate" if options.get("sunlake_write", False) else "begin")
