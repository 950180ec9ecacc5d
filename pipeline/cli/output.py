"""What a command prints on stdout: a table with borders on a terminal, aligned plain text elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence


def is_terminal() -> bool:
    """Whether stdout is looked at by a person."""
    return sys.stdout.isatty()


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "", right: Collection[str] = ()
) -> None:
    """Print a table; None prints as nothing, and whole numbers with separators of thousands.

    Args:
        columns: the headings.
        rows: the cells.
        title: a line above.
        right: the columns that are aligned to the right.
    """
    texts = [[_cell(value) for value in row] for row in rows]
    if is_terminal():
        _print_rich(columns, texts, title=title, right=right)
    else:
        _print_plain(columns, texts, title=title, right=right)


def _print_rich(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str, right: Collection[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def _print_plain(columns: Sequence[str], rows: Sequence[Sequence[str]], *, title: str, right: Collection[str]) -> None:
    widths = [max(len(row[index]) for row in (columns, *rows)) for index in range(len(columns))]
    if title:
        print(title)
    for row in (columns, *rows):
        cells = [
            cell.rjust(width) if name in right else cell.ljust(width)
            for name, cell, width in zip(columns, row, widths, strict=True)
        ]
        print("  ".join(cells).rstrip())


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
