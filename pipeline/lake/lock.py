"""One writer per app and lake: a lock that dies with its holder and tells the second writer who holds it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from pipeline.errors import LockedError
from pipeline.lake import storage
from pipeline.lake.layout import Lake


class Holder(msgspec.Struct, frozen=True):
    """Who holds a lock. `since` is an ISO time in UTC."""

    pid: int
    host: str
    what: str
    since: str


@contextmanager
def writer_lock(lake: Lake, app_id: str, *, what: str) -> Iterator[None]:
    """Hold the lock of one app of a lake.

    Args:
        lake: the lake.
        app_id: the app.
        what: what the holder does, such as "export"; shown to whoever is refused.

    Raises:
        LockedError: another process holds it; the message names that process.
        StorageError: the lock file can't be written.
    """
    path = lake.private / "locks" / f"{app_id}.lock"
    storage.make_folder(path.parent)
    with storage.storage_errors():
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(_refusal(lake, app_id)) from None
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "what": what, "since": _now()}
        with storage.storage_errors():
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        yield
    finally:
        # Closing gives the lock back, and so does the death of the process. The file stays: removing it would let a
        # third writer lock a new file while a second still waits on the old one.
        os.close(descriptor)


@contextmanager
def files_lock(lake: Lake, app_id: str, *, wait_seconds: float = 60.0) -> Iterator[None]:
    """Hold the right to replace files of an app that are published: taken by rewrites, compaction, repair and recovery.

    An exporter's commit only adds files and does not need it.

    Raises:
        LockedError: another process kept it for longer than the wait.
        StorageError: the lock file can't be written.
    """
    with flocked(lake.private / "locks" / f"{app_id}.files.lock", exclusive=True, wait_seconds=wait_seconds):
        yield


@contextmanager
def flocked(path: Path, *, exclusive: bool, wait_seconds: float | None = None) -> Iterator[None]:
    """Hold a lock file, alone or with others that don't want it alone; waits, for ever where no bound is given.

    Raises:
        LockedError: the wait was in vain.
        StorageError: the lock file can't be written.
    """
    storage.make_folder(path.parent)
    with storage.storage_errors():
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait_for(descriptor, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH, wait_seconds, path)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, operation: int, wait_seconds: float | None, path: Path) -> None:
    if wait_seconds is None:
        fcntl.flock(descriptor, operation)
        return
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise LockedError(
                    f"another sunlake is replacing files of the lake ({path.name}); try again when it is done"
                ) from None
            time.sleep(0.05)
        else:
            return


def lock_holder(lake: Lake, app_id: str) -> Holder | None:
    """Who holds the lock of an app now, or None."""
    path = lake.private / "locks" / f"{app_id}.lock"
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def _refusal(lake: Lake, app_id: str) -> str:
    holder = lock_holder(lake, app_id)
    if holder is None:
        return f"another process is writing app {app_id}; try again when it is done"
    return (
        f"`sunlake {holder.what}` is writing app {app_id} since {holder.since} "
        f"(process {holder.pid} on {holder.host}); try again when it is done"
    )


def _read(descriptor: int) -> Holder | None:
    try:
        return msgspec.json.decode(os.pread(descriptor, 4096, 0), type=Holder)
    except msgspec.DecodeError:
        return None  # the holder is between taking the lock and writing its name


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
