"""How plans, commands and reports of erasure write counts: "1 person", "2 people"."""

from __future__ import annotations


def counted(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun; `many` where an s does not make the plural."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def people(count: int) -> str:
    """So many people."""
    return counted(count, "person", "people")
