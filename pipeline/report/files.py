"""Writes a report: a page, Markdown, or a folder with one file for each table."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import StorageError
from pipeline.lake.layout import Lake
from pipeline.places import Place
from pipeline.report.report import Report
from pipeline.report.table import Table
from pipeline.report.wording import Kind
from pipeline.warehouse.format import cell_text, printable

_TYPES: Final[Mapping[Kind, pa.DataType]] = {
    Kind.TEXT: pa.string(),
    Kind.COUNT: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.SECONDS: pa.float64(),
    Kind.SHARE: pa.float64(),
    Kind.DATE: pa.date32(),
    Kind.MONTH: pa.date32(),
    Kind.MOMENT: pa.timestamp("us"),
}
_MARKUP: Final = re.compile(r"([\\`*_{}\[\]<>|#~&!])")


def default_page(root: Place) -> Path:
    """Where the page of a lake stands if nothing else is asked for."""
    return Lake(root).private / "report" / "index.html"


def write_html(report: Report, path: Path) -> None:
    """Write the page; an older one is replaced at once, never half.

    Raises:
        StorageError: it can't be written.
        SunlakeError: the charts' JavaScript can't be had.
    """
    from pipeline.report.html import render_html  # noqa: PLC0415 - the tables need neither templates nor charts' JavaScript

    page = render_html(report)
    _replace(path, lambda part: part.write_text(page, "utf-8"))


def write_markdown(report: Report, stream: TextIO) -> None:
    """Write headings, definitions and all tables as Markdown."""
    stream.write(f"# Messaging report, {report.scope.period.text}\n\n{report.coverage_sentence} ")
    stream.write(f"{report.freshness_sentence} Days are those of {_escaped(report.scope.zone)}.\n")
    for table in (report.coverage, report.key_table.first_columns(5)):
        stream.write(f"\n## {table.title}\n")
        _write_rows(table, stream)
    for section in report.sections:
        stream.write(f"\n## {section.title}\n\n{_escaped(section.intro)}\n")
        for figure in section.figures:
            stream.write(f"\n### {_escaped(figure.table.title)}\n\n{_escaped(figure.definition)}\n")
            if figure.facts:
                stream.write(f"\n{_escaped('; '.join(figure.facts))}\n")
            if figure.empty:
                stream.write(f"\n{_escaped(figure.empty)}\n")
            else:
                _write_rows(figure.table, stream)


def write_markdown_file(report: Report, path: Path) -> None:
    """Write Markdown into a file.

    Raises:
        StorageError: it can't be written.
    """

    def write(part: Path) -> None:
        with part.open("w", encoding="utf-8") as stream:
            write_markdown(report, stream)

    _replace(path, write)


def write_csv(report: Report, folder: Path) -> int:
    """Write each table as `<name>.csv` into a folder; returns their number. Times are seconds, shares parts of 1.

    Raises:
        StorageError: it can't be written.
    """
    return _write_folder(report, folder, suffix=".csv", write=_write_csv)


def write_parquet(report: Report, folder: Path) -> int:
    """Write each table as `<name>.parquet` into a folder; returns their number.

    Raises:
        StorageError: it can't be written.
    """
    return _write_folder(report, folder, suffix=".parquet", write=_write_parquet)


def _write_folder(report: Report, folder: Path, *, suffix: str, write: Callable[[Table, Path], None]) -> int:
    tables = list(report.tables())
    for table in tables:
        _replace(folder / f"{table.name}{suffix}", partial(write, table))
    return len(tables)


def _write_csv(table: Table, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([column.name for column in table.columns])
        writer.writerows([cell_text(value, null="") for value in row] for row in table.rows)


def _write_parquet(table: Table, path: Path) -> None:
    arrays = [
        pa.array([row[index] for row in table.rows], _TYPES[column.kind]) for index, column in enumerate(table.columns)
    ]
    pq.write_table(pa.table(arrays, names=[column.name for column in table.columns]), path, compression="zstd")


def _write_rows(table: Table, stream: TextIO) -> None:
    def line(cells: Iterable[str]) -> None:
        stream.write("| " + " | ".join(cells) + " |\n")

    stream.write("\n")
    line(_escaped(column.heading) for column in table.columns)
    line("---:" if column.kind.is_number else "---" for column in table.columns)
    for texts in table.texts():
        line(map(_escaped, texts))


def _escaped(text: str) -> str:
    """The text as Markdown that shows it: names come from strangers and may hold markup."""
    return _MARKUP.sub(r"\\\1", printable(text))


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(part)
        part.replace(path)
    except OSError as error:
        raise StorageError(f"{path} can't be written: {error.strerror}; choose another place with --output") from None
    finally:
        with suppress(OSError):
            part.unlink()
