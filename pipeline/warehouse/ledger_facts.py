"""What the ledger knows that the lake does not: how far the walk came, and who was merged into whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import sqlalchemy as sa

from pipeline.lake.layout import Lake
from pipeline.lake.values import format_moment
from pipeline.suppression.floors import read_floor
from pipeline.walk import ledger as tables
from pipeline.walk.ledger import ledger_file, open_ledger
from pipeline.walk.roster import Pending, State
from pipeline.warehouse.deed_facts import read_erasure_batches

_ID: Final = pa.string()
_BATCH: Final = 100_000
_APP_AS_OF: Final = pa.schema([("app_id", _ID), ("as_of_ms", pa.int64())])
_CONVERSATIONS: Final = pa.schema([("app_id", _ID), ("conversation_id", _ID)])
_WALKED: Final = pa.schema([("app_id", _ID), ("conversation_id", _ID), ("n_messages", pa.int64())])
_MERGES: Final = pa.schema([("app_id", _ID), ("discarded_user_id", _ID), ("surviving_user_id", _ID)])
_COUNTS: Final = ("n_known", "n_walked", "n_gone", "n_failed", "n_pending")
_COVERAGE: Final = pa.schema([("app_id", _ID), ("entity", _ID), *((name, pa.int64()) for name in _COUNTS)])


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """Facts of the ledger as Arrow tables.

    `app_as_of`: start of each app's last complete run in ms. `incomplete_conversations`: those whose history was not
    read to its start, or that the last run did not reach. `walked_conversations`: how many messages the walk wrote of
    each complete one, unless retention took some of them; filled for checks only. `coverage`: counts of users and
    conversations. `erasure_batches`: of the ledger of deeds.
    """

    app_as_of: pa.Table
    incomplete_conversations: pa.Table
    user_merges: pa.Table
    coverage: pa.Table
    walked_conversations: pa.Table
    erasure_batches: pa.Table


def read_ledger_facts(lake: Lake, ledger_url: str | None, *, with_walked: bool = False) -> LedgerFacts:
    """Read the facts; those of the walk are empty where there is no ledger.

    Args:
        lake: the lake, whose own ledger is the default.
        ledger_url: the ledger's URL, if it lies elsewhere.
        with_walked: also read `walked_conversations`, a row per conversation.

    Raises:
        LedgerError: the ledger is damaged or can't be reached.
        CorruptLakeError: the ledger of deeds is damaged.
    """
    url = ledger_url or lake.default_ledger_url
    file = ledger_file(url)
    if file is not None and not file.exists():
        return LedgerFacts(
            app_as_of=_APP_AS_OF.empty_table(),
            incomplete_conversations=_CONVERSATIONS.empty_table(),
            user_merges=_MERGES.empty_table(),
            coverage=_COVERAGE.empty_table(),
            walked_conversations=_WALKED.empty_table(),
            erasure_batches=read_erasure_batches(lake),
        )
    ledger = open_ledger(url)
    try:
        with ledger.read() as connection:
            return LedgerFacts(
                app_as_of=_arrow(connection, _app_as_of(), _APP_AS_OF),
                incomplete_conversations=_arrow(connection, _incomplete(), _CONVERSATIONS),
                user_merges=_arrow(connection, _merges(), _MERGES),
                coverage=pa.concat_tables(
                    _arrow(connection, _coverage(table, entity), _COVERAGE)
                    for table, entity in ((tables.users, "user"), (tables.conversations, "conversation"))
                ),
                walked_conversations=_read_walked(connection, lake) if with_walked else _WALKED.empty_table(),
                erasure_batches=read_erasure_batches(lake),
            )
    finally:
        ledger.close()


def _app_as_of() -> sa.Select[Any]:
    runs = tables.runs.c
    started_ms = sa.cast(sa.func.max(runs.started_at) * 1000, sa.BigInteger)
    return sa.select(runs.app_id, started_ms).where(runs.state == "done").group_by(runs.app_id)


def _incomplete() -> sa.Select[Any]:
    columns = tables.conversations.c
    missing = sa.or_(
        columns.complete.is_(False), columns.pending != Pending.NO, columns.state.in_((State.FAILED, State.FORBIDDEN))
    )
    return sa.select(columns.app_id, columns.conversation_id).where(missing, columns.state != State.GONE)


def _read_walked(connection: sa.Connection, lake: Lake) -> pa.Table:
    apps = connection.scalars(sa.select(tables.conversations.c.app_id).distinct()).all()
    floors = {app_id: floor for app_id in apps if (floor := read_floor(lake, app_id)) is not None}
    return _arrow(connection, _walked(floors), _WALKED)


def _walked(floors: Mapping[str, datetime]) -> sa.Select[Any]:
    """Without those that reach below an app's retention floor: messages of theirs have expired since they were read."""
    columns = tables.conversations.c
    complete = sa.and_(columns.complete.is_(True), columns.state == State.DONE, columns.pending == Pending.NO)
    expired = [
        sa.and_(columns.app_id == app_id, columns.tail_at < format_moment(floor)) for app_id, floor in floors.items()
    ]
    query = sa.select(columns.app_id, columns.conversation_id, columns.messages).where(complete)
    return query.where(sa.func.coalesce(sa.not_(sa.or_(*expired)), sa.true())) if expired else query


def _merges() -> sa.Select[Any]:
    columns = tables.users.c
    return sa.select(columns.app_id, columns.user_id, columns.merged_into).where(columns.merged_into.is_not(None))


def _coverage(table: sa.Table, entity: str) -> sa.Select[Any]:
    columns = table.c

    def count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.sum(sa.case((condition, 1), else_=0))

    return sa.select(
        columns.app_id,
        sa.literal(entity),
        sa.func.count(),
        count(columns.state == State.DONE),
        count(columns.state.in_((State.GONE, State.MERGED))),
        count(columns.state.in_((State.FAILED, State.FORBIDDEN))),
        count(columns.pending != Pending.NO),
    ).group_by(columns.app_id)


def _arrow(connection: sa.Connection, query: sa.Select[Any], schema: pa.Schema) -> pa.Table:
    result = connection.execution_options(yield_per=_BATCH).execute(query)
    return pa.Table.from_batches((_batch(rows, schema) for rows in result.partitions()), schema=schema)


def _batch(rows: Sequence[sa.Row[Any]], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    return pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema
    )
