"""Tells which processes at work on a lake are alive, on whatever machine: each holds a lock in `_sunlake/locks`."""

from __future__ import annotations

import atexit
import fcntl
import os
import socket
import threading
import time
from pathlib import Path
from typing import Final

_OPENED: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
_TRIES: Final = 50
_PAUSE_SECONDS: Final = 0.01

_presence = threading.Lock()
_present: dict[Path, int] = {}  # by lock file, which names this process, what holds it


def be_present(private: Path) -> None:
    """Hold the lock that says that this process lives; once for each lake.

    Raises:
        OSError: the folder can't be written.
    """
    path = _lock_file(private.resolve(), socket.gethostname(), os.getpid())
    with _presence:
        known = _present.get(path)
        if known is not None and _is_file(known, path):
            return
        path.parent.mkdir(exist_ok=True)
        for _ in range(_TRIES):
            descriptor = os.open(path, _OPENED, 0o600)
            if _locks(descriptor) and _is_file(descriptor, path):
                _present[path] = descriptor
                atexit.register(_leave, path, os.getpid())
                return
            # Somebody takes it for a dead one's and removes it, or this process holds it under another path.
            os.close(descriptor)
            time.sleep(_PAUSE_SECONDS)


def is_present(private: Path, host: str, process: int) -> bool | None:
    """Whether a process lives that was present in the lake of this private folder; None if it left no lock."""
    lock = _lock_file(private, host, process)
    return is_locked(lock, remove=True) if lock.exists() else None


def is_locked(path: Path, *, remove: bool = False) -> bool:
    """Whether somebody holds the lock; `remove` its file if nobody does, which who waits for it then finds out."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        is_free = _locks(descriptor)
        if is_free and remove:
            path.unlink(missing_ok=True)
        return not is_free
    finally:
        os.close(descriptor)


def _lock_file(private: Path, host: str, process: int) -> Path:
    return private / "locks" / f"process-{host}-{process}.lock"


def _is_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _locks(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _leave(path: Path, process: int) -> None:
    if process == os.getpid():
        path.unlink(missing_ok=True)
