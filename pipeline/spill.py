"""Bounds DuckDB's memory, and says where the rest goes: below the lake, where a scan finds what a killed process left.

Left alone, DuckDB spills people's words into a folder `.tmp` of whatever folder a command is called in. A folder is in
use as long as its process lives, which a lock tells; what nobody uses is removed by whoever comes next.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import re
import secrets
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import duckdb

_NAME: Final = re.compile(r"(?:sql|run)-(?P<host>.+)-(?P<process>\d+)-[0-9a-f]{8}")
_OPENED: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
_TRIES: Final = 50
_PAUSE_SECONDS: Final = 0.01

_presence = threading.Lock()
_present: dict[Path, int] = {}  # by lock file, which names this process, what holds it


def connect_bounded(
    spill: Path, *, memory_limit: str, threads: int | None = 2, keeps_order: bool = True
) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB in memory that knows its bounds, and takes neither extensions nor variables unasked.

    Args:
        spill: for what does not fit: a folder of this connection's own, as `spill_folder` names it.
        memory_limit: an amount such as "2GB", or a share of this machine's memory.
        threads: how many to use; None for all that the machine has.
        keeps_order: whether a query without an order gives rows as they were read, for which it needs more memory.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "python_enable_replacements": False,
        "preserve_insertion_order": keeps_order,
        "memory_limit": memory_limit,
        "temp_directory": str(spill),
    }
    return duckdb.connect(config=config if threads is None else config | {"threads": threads})


def spill_folder(private: Path | None = None) -> Path:
    """A name of our own, since two connections would overwrite each other's files; DuckDB creates and removes it.

    Args:
        private: the lake's private folder; without it the folder of temporary files (`temporary_files_in`).
    """
    parent = Path(tempfile.gettempdir()) if private is None else private / "tmp"
    with suppress(OSError):  # a lake that can't be written can still be read
        parent.mkdir(parents=True, exist_ok=True)
        if private is not None:
            _be_present(private)
        for folder in _folders(parent):
            if not _is_in_use(folder):
                shutil.rmtree(folder, ignore_errors=True)  # a killed process left what it had read there
    return parent / _new_name("sql")


@contextmanager
def temporary_files_in(private: Path) -> Iterator[None]:
    """Let this process and its children write all temporary files below the lake, unless TMPDIR says where.

    Where the lake is not made yet, or can't be written, they go where they always went.
    """
    before = os.environ.get("TMPDIR"), tempfile.tempdir
    folder = private / "tmp" / _new_name("run")
    if before[0] is not None or not private.is_dir():
        yield
        return
    try:
        folder.mkdir(mode=0o700, parents=True)
        _be_present(private)
    except OSError:
        yield
        return
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder.absolute())
    try:
        yield
    finally:
        os.environ.pop("TMPDIR", None)
        tempfile.tempdir = before[1]
        shutil.rmtree(folder, ignore_errors=True)


def remove_unused(parent: Path) -> None:
    """Remove all that lies in a folder of temporary files and is not in use by a process that lives.

    Raises:
        OSError: something can't be removed.
    """
    for path in sorted(parent.iterdir()) if parent.is_dir() else ():
        if _is_in_use(path):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def in_use_by_others(parent: Path) -> list[Path]:
    """The folders with files in them that other processes use: a query that runs keeps there what it has read."""
    mine = f"-{socket.gethostname()}-{os.getpid()}-"
    paths = sorted(parent.iterdir()) if parent.is_dir() else []
    return [path for path in paths if mine not in path.name and _is_in_use(path) and _has_files(path)]


def _new_name(kind: str) -> str:
    return f"{kind}-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


def _folders(parent: Path) -> list[Path]:
    return [path for path in parent.glob(f"*-{socket.gethostname()}-*") if _NAME.fullmatch(path.name)]


def _has_files(folder: Path) -> bool:
    return any(not path.is_dir() for path in folder.rglob("*"))


def _be_present(private: Path) -> None:
    """Hold the lock that says that this process lives; once for each lake."""
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


def _locks(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _leave(path: Path, process: int) -> None:
    if process == os.getpid():
        path.unlink(missing_ok=True)


def _is_in_use(path: Path) -> bool:
    """Whether the process that a folder is named after lives, or somebody has locked the folder itself."""
    found = _NAME.fullmatch(path.name)
    if found is None:
        return _is_locked(path)
    lock = _lock_file(path.parent.parent, found["host"], int(found["process"]))
    if lock.exists():
        return _is_locked(lock, remove=True)
    # Outside a lake nobody locks anything.
    return found["host"] == socket.gethostname() and _is_alive(int(found["process"]))


def _lock_file(private: Path, host: str, process: int) -> Path:
    return private / "locks" / f"process-{host}-{process}.lock"


def _is_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _is_locked(path: Path, *, remove: bool = False) -> bool:
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


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
