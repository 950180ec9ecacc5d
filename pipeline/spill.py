"""Where DuckDB puts what does not fit into memory: below the lake, where a scan finds what a killed process left.

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
