"""Bounds DuckDB's memory, and says where the rest goes: below the lake, where a scan finds what a killed process left.

Left alone, DuckDB spills people's words into a folder `.tmp` of whatever folder a command is called in.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

import duckdb


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
        private: the lake's private folder; without it the system's folder of temporary files, which is scanned, too.
    """
    parent = Path(tempfile.gettempdir()) if private is None else private / "tmp"
    host = socket.gethostname()
    with suppress(OSError):  # a lake that can't be written can still be read
        parent.mkdir(parents=True, exist_ok=True)
        for folder in parent.glob(f"sql-{host}-*"):
            if not _is_alive(int(folder.name.split("-")[-2])):
                shutil.rmtree(folder, ignore_errors=True)  # a killed process left what it had read there
    return parent / f"sql-{host}-{os.getpid()}-{secrets.token_hex(4)}"


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
