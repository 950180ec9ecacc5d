"""Removes from the lake what is older than allowed or gone upstream: a preview first, then the rewrite.

Upstream's own retention deletes upstream only, so the lake would outlive it (gdpr.md, section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import CorruptLakeError
from pipeline.lake.commit import live_files
from pipeline.lake.copies import local_copy
from pipeline.lake.layout import Lake
from pipeline.privacy.retention.expiring import Retention, select
from pipeline.suppression.expiry import EXPIRING, Expiry, Selection
from pipeline.suppression.floors import raise_floor
from pipeline.walk import ledger as tables
from pipeline.walk.ledger import Ledger
from pipeline.walk.roster import Pending

_IDS_PER_STATEMENT: Final = 500
_BATCH_ROWS: Final = 20_000


@dataclass(frozen=True, slots=True)
class TableCount:
    """What goes from one table: rows, quotes in rows that stay, and files to be rewritten of how many."""

    rows: int = 0
    quotes: int = 0
    files: int = 0
    files_read: int = 0


@dataclass(frozen=True, slots=True)
class ExpiryPreview:
    """What an expiry would do to one app, in numbers only.

    Args:
        app_id: the app.
        before: the moment, or None.
        tables: by table.
        conversations: how many go whole.
        undated: messages that tell no moment, which never expire by age.
    """

    app_id: str
    before: datetime | None
    tables: Mapping[str, TableCount]
    conversations: int
    undated: int

    @property
    def rows(self) -> int:
        """Rows that go, of all tables."""
        return sum(count.rows for count in self.tables.values())


class Rewrite(Protocol):
    """The engine that rewrites files in place, each its own step (gdpr.md, section 6).

    It asks `Expiry(selection).apply(table, rows)` for what stays, and takes the tables in the order of `EXPIRING`.
    """

    def __call__(
        self,
        lake: Lake,
        ledger: Ledger,
        app_id: str,
        selection: Selection,
        *,
        on_file: Callable[[Any], None] | None = None,
    ) -> Sequence[Any]:
        """Rewrite what is hit; returns what became of each file."""
        ...


def preview_expiry(
    lake: Lake, ledger: Ledger, app_id: str, *, before: datetime | None, retention: Retention
) -> ExpiryPreview:
    """Count what an expiry would remove. Nothing is changed.

    Raises:
        CorruptLakeError: a file can't be read.
    """
    selection = select(lake, ledger, app_id, before=before, retention=retention)
    expiry = Expiry(selection)
    undated = 0
    counts = {}
    for table in EXPIRING:
        rows = quotes = hit = 0
        paths = live_files(ledger, app_id, table.name)
        for path in paths:
            file_rows = file_quotes = 0
            for batch in _batches(lake, path, Expiry.columns(table)):
                expired = expiry.apply(table, batch)
                file_rows += expired.removed
                file_quotes += expired.changed
                undated += batch["received_at"].null_count if table.name == "messages" else 0
            rows, quotes, hit = rows + file_rows, quotes + file_quotes, hit + bool(file_rows or file_quotes)
        counts[table.name] = TableCount(rows, quotes, hit, len(paths))
    return ExpiryPreview(app_id, before, counts, len(selection.of("conversation")), undated)


def expire(
    lake: Lake,
    ledger: Ledger,
    app_id: str,
    *,
    before: datetime | None,
    retention: Retention,
    rewrite: Rewrite,
    on_file: Callable[[Any], None] | None = None,
) -> Sequence[Any]:
    """Remove what has to go. The caller holds the app's lock, so that no export is under way.

    Safe to kill and to repeat: the floor is raised and the checkpoints are settled before the first file is rewritten,
    and what is left of a rewrite that was cut is selected again.

    Args:
        lake: the lake.
        ledger: its ledger.
        app_id: the app.
        before: what was received before this moment goes; None leaves age alone.
        retention: what becomes of things that upstream no longer has.
        rewrite: the engine.
        on_file: told what became of each file.

    Raises:
        CorruptLakeError, StorageError, LedgerError: run it again when the cause is mended.
    """
    selection = select(lake, ledger, app_id, before=before, retention=retention)
    if before is not None:
        raise_floor(lake, app_id, before)
    settle_checkpoints(ledger, app_id, selection.of("conversation"))
    if selection.is_empty:
        return []
    return rewrite(lake, ledger, app_id, selection, on_file=on_file)


def settle_checkpoints(ledger: Ledger, app_id: str, conversation_ids: Iterable[str]) -> None:
    """Make the ledger forget what it thinks the lake holds of conversations, without asking for them again.

    Their gate is closed until something new is said in them. Then the walk goes forward from the head, which it keeps,
    and fetches the participants anew; the row of the conversation comes by itself, since it has changed.
    """
    columns = tables.conversations.c
    ids = iter(sorted(conversation_ids))
    with ledger.write() as connection:
        while chunk := list(islice(ids, _IDS_PER_STATEMENT)):
            connection.execute(
                tables.conversations.update()
                .where(columns.app_id == app_id, columns.conversation_id.in_(chunk))
                .values(
                    pending=int(Pending.NO),
                    complete=True,
                    walked_at=columns.listed_at,
                    participants_hash=None,
                    messages=0,
                    error=None,
                )
            )


def _batches(lake: Lake, path: str, columns: list[str]) -> Iterator[pa.Table]:
    try:
        with local_copy(lake, path) as file, pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches(batch_size=_BATCH_ROWS, columns=columns):
                yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError):
        raise CorruptLakeError(f"{path} is damaged or missing; run `sunlake repair`, then `sunlake export`") from None
