"""Opens a DuckDB in memory that keeps to its bounds."""

from __future__ import annotations

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
