"""Says where temporary files go: below the lake, where a scan finds what a killed process left.

Left alone, DuckDB spills people's words into a folder `.tmp` of whatever folder a command is called in. A folder is in
use as long as its process lives, which a lock tells; what nobody uses is removed by whoever comes next.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from pipeline.presence import be_present, is_locked, is_present

_NAME: Final = re.compile(r"(?:sql|run)-(?P<host>.+)-(?P<process>\d+)-[0-9a-f]{8}")


def spill_folder(private: Path | None = None) -> Path:
    """A name of our own, since two connections would overwrite each other's files; DuckDB creates and removes it.

    Args:
        private: the lake's private folder; without it the folder of temporary files (`temporary_files_in`).
    """
    parent = Path(tempfile.gettempdir()) if private is None else private / "tmp"
    with suppress(OSError):  # a lake that can't be written can still be read
        parent.mkdir(parents=True, exist_ok=True)
        if private is not None:
            be_present(private)
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
        be_present(private)
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


def _is_in_use(path: Path) -> bool:
    """Whether the process that a folder is named after lives, or somebody has locked the folder itself."""
    found = _NAME.fullmatch(path.name)
    if found is None:
        return is_locked(path)
    present = is_present(path.parent.parent, found["host"], int(found["process"]))
    if present is not None:
        return present
    # Outside a lake nobody locks anything.
    return found["host"] == socket.gethostname() and _is_alive(int(found["process"]))


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
