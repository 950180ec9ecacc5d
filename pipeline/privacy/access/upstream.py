"""Reads the person once more from upstream before the copy is made, and counts what the lake did not know."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

import pyarrow.parquet as pq

from pipeline.lake.lookup import BOOKKEEPING
from pipeline.lake.rows import encode
from pipeline.lake.tables import TABLES
from pipeline.lake.writer import parquet_writer
from pipeline.privacy.access.source import COPIED, Source, newest
from pipeline.suppression.subjects import Subject
from pipeline.warehouse.views import quoted

RUN_ID: Final = "access"
_GROUP: Final = 1_000


@dataclass(frozen=True, slots=True)
class Fresh:
    """One object as upstream tells it now.

    Args:
        table: the table of the lake that it belongs to.
        source: its JSON text.
        parents: its owner by column name, such as `{"conversation_id": ...}`.
        read_at: when it was received, aware.
    """

    table: str
    source: bytes = field(repr=False)
    parents: Mapping[str, str | None] = field(repr=False)
    read_at: datetime


class Upstream(Protocol):
    """Whoever can ask upstream for one person."""

    def read(self, subject: Subject) -> Iterable[Fresh]:
        """All that upstream tells of the subject now, in any order, without keeping it all in memory.

        Raises:
            ApiError: upstream does not answer; no copy is made.
        """
        ...


def write_fresh(upstream: Upstream, subject: Subject, folder: Path) -> dict[str, Path]:
    """Write what upstream tells into a file for each table, as the lake would; returns the files by table."""
    files: dict[str, Path] = {}
    writers: dict[str, pq.ParquetWriter] = {}
    objects = iter(upstream.read(subject))
    with ExitStack() as stack:
        while group := list(islice(objects, _GROUP)):
            for name, found in _by_table(group):
                if name not in writers:
                    files[name] = folder / f"fresh-{name}.parquet"
                    writers[name] = stack.enter_context(parquet_writer(files[name], TABLES[name]))
                table = TABLES[name]
                rows = encode(
                    table,
                    [item.source for item in found],
                    parents=[item.parents for item in found],
                    exported_at=[item.read_at for item in found],
                    run_id=RUN_ID,
                )
                writers[name].write_table(rows)
    return files


def count_differences(source: Source, files: Mapping[str, Path]) -> dict[str, int]:
    """How many of the subject's rows the lake did not hold, or held in another form, by table."""
    return {name: source.fetch(_difference(name))[0][0] for name in files}


def _difference(name: str) -> str:
    table = TABLES[name]
    key = quoted(table.key[0])
    columns = [quoted(column) for column in table.schema.names if column not in (*BOOKKEEPING, *table.key)]
    same = " and ".join(f"held.{column} is not distinct from fresh.{column}" for column in columns)
    fresh = newest(table, f"run_id = '{RUN_ID}'")
    held = f"""
        select * from {name}_files where run_id <> '{RUN_ID}' and {key} in (select {key} from fresh)
        qualify row_number() over (partition by {key} order by exported_at desc, run_id desc) = 1
    """
    return f"""
        with fresh as ({fresh}),
        held as ({held})
        select count(*) from fresh left join held using ({key}) where held.exported_at is null or not ({same})
    """


def _by_table(group: list[Fresh]) -> Iterator[tuple[str, list[Fresh]]]:
    found: dict[str, list[Fresh]] = defaultdict(list)
    for item in group:
        if item.table in COPIED:
            found[item.table].append(item)
    yield from sorted(found.items())
