"""What the reference starts from: the rows of the lake and of the ledger as the warehouse's sources hold them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tests.sql.reference.settings import Settings

Row: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class History:
    """All versions of all rows, by the name of the table; columns that a row does not name are null.

    Args:
        tables: lake tables and the ledger's `app_as_of`, `incomplete_conversations`, `user_merges`, `coverage`.
        settings: how to read them.
    """

    tables: Mapping[str, Sequence[Row]]
    settings: Settings = field(default_factory=Settings)

    def rows(self, table: str) -> Sequence[Row]:
        """The rows of one table."""
        return self.tables.get(table, ())


def parsed(text: str | None) -> Any:
    """The value of a JSON column."""
    return None if text is None else json.loads(text)


def inside(value: Any, *path: str) -> Any:
    """What lies at the path of keys, or None."""
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value
