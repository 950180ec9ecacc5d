"""Where the SQL of this package lies: `sql/` of a checkout, `pipeline/_sql/` of an installed package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).parents[1]


def sql_folder() -> Path:
    """The folder with staging, intermediate, marts, tests and examples."""
    installed = _PACKAGE / "_sql"
    return installed if installed.is_dir() else _PACKAGE.parent / "sql"
