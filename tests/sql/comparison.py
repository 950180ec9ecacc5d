"""Compares rows as sets: order and the last digits of floats do not matter, all else does."""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

_SHOWN = 12
_TOLD = 5
_DIGITS = 6


def differences(
    expected: Iterable[Mapping[str, Any]], found: Iterable[Mapping[str, Any]], columns: Sequence[str]
) -> list[str]:
    """Lines that tell which rows are missing and which should not be there; none if the rows are the same."""
    wanted, given = (Counter(_row(row, columns) for row in rows) for rows in (expected, found))
    missing, extra = sorted((wanted - given).elements()), sorted((given - wanted).elements())
    lines = []
    for row in missing[:_SHOWN]:
        # A row that differs in little lies beside it, for the first columns are those that tell rows apart.
        place = bisect(extra, row)
        twin = max(extra[max(place - 1, 0) : place + 1], key=lambda other: _agreement(row, other), default=None)
        if twin is not None and _agreement(row, twin) > len(columns) // 2:
            extra.remove(twin)
            lines.append(f"~ {_changed(row, twin, columns)}")
        else:
            lines.append(f"- {_shown(row, columns)}")
    lines += [f"+ {_shown(row, columns)}" for row in extra[:_SHOWN]]
    if max(len(missing), len(extra)) > _SHOWN:
        lines.append(f"... and more: {len(missing)} rows are missing, and {len(extra)} too many")
    return lines


def typed(text: Any, duckdb_type: str) -> Any:
    """The value that a cell of a CSV file stands for in a column of this type; JSON values are typed already."""
    if not isinstance(text, str) or duckdb_type == "VARCHAR":
        return text
    if duckdb_type == "BOOLEAN":
        return {"true": True, "false": False}[text]
    if duckdb_type == "DATE":
        return date.fromisoformat(text)
    if duckdb_type.startswith("TIMESTAMP"):
        return datetime.fromisoformat(text)
    return float(text) if duckdb_type in {"DOUBLE", "FLOAT"} else int(text)


def _row(row: Mapping[str, Any], columns: Sequence[str]) -> tuple[str, ...]:
    return tuple(_cell(row[column]) for column in columns)


def _cell(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int | float):
        return f"{float(value):.{_DIGITS}f}"
    return str(value)


def _agreement(row: tuple[str, ...], other: tuple[str, ...]) -> int:
    return sum(mine == theirs for mine, theirs in zip(row, other, strict=True))


def _changed(row: tuple[str, ...], twin: tuple[str, ...], columns: Sequence[str]) -> str:
    """The first columns of a row, which tell it from others, and those that differ."""
    told = _shown(row[:_TOLD], columns[:_TOLD])
    cells = zip(columns, row, twin, strict=True)
    return f"{told}: " + ", ".join(f"{name} is {theirs}, not {mine}" for name, mine, theirs in cells if mine != theirs)


def _shown(row: tuple[str, ...], columns: Sequence[str]) -> str:
    return ", ".join(
        f"{name}={value.removesuffix('.' + '0' * _DIGITS)}" for name, value in zip(columns, row, strict=True)
    )
