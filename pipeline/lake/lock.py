"""One writer per app and lake: a lock that dies with its holder and tells the second writer who holds it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from pipeline.errors import LockedError
from pipeline.lake import storage
from pipeline.lake.holder import Holder, refusal, this_process
from pipeline.lake.layout import Lake

__all__ = ["Holder", "lock_holder", "writer_lock"]


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
            raise LockedError(refusal(lock_holder(lake, app_id), app_id)) from None
        with storage.storage_errors():
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, msgspec.json.encode(this_process(what)), 0)
        with lake.store.writing(app_id, what=what):
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
    return _local_holder(lake, app_id) or lake.store.writer(app_id)


def _local_holder(lake: Lake, app_id: str) -> Holder | None:
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


def _read(descriptor: int) -> Holder | None:
    try:
        return msgspec.json.decode(os.pread(descriptor, 4096, 0), type=Holder)
    except msgspec.DecodeError:
        return None  # the holder is between taking the lock and writing its name
