"""Finds the example queries, which lie in `sql/` of a checkout and in `pipeline/_sql/` of an installed package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipeline.errors import UsageError

_PACKAGE: Final = Path(__file__).parents[1]


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
    installed = _PACKAGE / "_sql" / "examples"
    return installed if installed.is_dir() else _PACKAGE.parent / "sql" / "examples"
