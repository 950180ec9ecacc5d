"""Finds the example queries of `sql/examples`."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import UsageError
from pipeline.warehouse.sql_files import sql_folder


def example_names() -> list[str]:
    """The names of all examples."""
    return sorted(path.stem for path in _folder().glob("*.sql"))


def example_sql(name: str) -> str:
    """The text of an example.

    Args:
        name: such as "messages_per_channel".

    Raises:
        UsageError: there is no such example.
    """
    if name not in example_names():
        raise UsageError(f"there is no example {name!r}; there are {', '.join(example_names())}")
    return (_folder() / f"{name}.sql").read_text("utf-8")


def _folder() -> Path:
    return sql_folder() / "examples"
