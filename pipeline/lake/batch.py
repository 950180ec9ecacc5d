"""What one commit holds: rows on their way into staged files, and the checkpoints that they cover."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from pipeline.lake import message_rows
from pipeline.lake.admission import EVERYBODY, Admission
from pipeline.lake.admitted import only_admitted
from pipeline.lake.commit import commit
from pipeline.lake.decision import Decision
from pipeline.lake.layout import Lake
from pipeline.lake.lookup import Lookup
from pipeline.lake.months import split_by_month
from pipeline.lake.rows import encode_rows, to_arrow
from pipeline.lake.secrets import Dropped
from pipeline.lake.tables import TABLES, Table
from pipeline.lake.writer import StagingWriter
from pipeline.walk import ledger as tables
from pipeline.walk.ledger import Ledger
from pipeline.walk.shelf import save_snapshots
from pipeline.walk.step import MessagePage, Reconcile, Rows, Step, Tombstone

# Message pages that are encoded one after the other: while other work lies between, the code leaves the caches too.
PAGES_PER_ENCODING = 64
# Objects of one table that are made into one Arrow table; an answer holds few of them.
OBJECTS_PER_TABLE = 1_000
# Rows of a sweep that are compared with the lake in one query.
ROWS_PER_COMPARISON = 50_000


class Batch:
    """The rows and checkpoints of one commit of one app's run."""

    def __init__(
        self,
        lake: Lake,
        ledger: Ledger,
        *,
        app_id: str,
        run_id: str,
        dropped: Dropped,
        admission: Admission = EVERYBODY,
    ) -> None:
        self._dropped = dropped
        self._lake = lake
        self._ledger = ledger
        self._app_id = app_id
        self._run_id = run_id
        self._lookup = Lookup(lake, ledger, app_id)
        self.begun_at = 0.0
        self.pages = 0
        self.rows = 0
        self._steps: list[Step] = []
        self._message_pages: list[MessagePage] = []
        self._objects: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._comparing: list[dict[str, Any]] = []
        self._arriving: dict[str, list[str]] = defaultdict(list)
        self._tombstones: list[Tombstone] = []
        self._reconciles: dict[str, list[Reconcile]] = defaultdict(list)
        self._written: set[tuple[str, str]] = set()
        self._reconciled: set[tuple[str, str]] = set()
        self._admission = admission
        # The oldest list by which a row of this batch is admitted.
        self._generation = admission.generation
        self._writer = StagingWriter(self._lake, self._app_id, admission=admission)

    @property
    def is_full(self) -> bool:
        """Whether so many rows wait to be compared that they should be committed."""
        return len(self._comparing) >= ROWS_PER_COMPARISON

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits for a commit."""
        return not self._steps

    def must_precede(self, step: Step) -> bool:
        """Whether the step asks what the lake holds below a parent of which this batch holds the answer."""
        asked = {(rows.table, parent) for rows in step.rows if rows.compare for parent in rows.parents.values()}
        asked |= {(reconcile.table, reconcile.parent_id) for reconcile in step.reconciles}
        return not asked.isdisjoint(self._written | self._reconciled) if asked else False

    def add(self, step: Step) -> None:
        """Take up a step."""
        self._remember(step)
        if not self._steps:
            self.begun_at = time.monotonic()
        self._steps.append(step)
        self.pages += max(1, len(step.pages) + len(step.rows))
        for page in step.pages:
            self.rows += page.count
            self._message_pages.append(page)
        if len(self._message_pages) >= PAGES_PER_ENCODING:
            self._encode_pages()
        for rows in step.rows:
            self._add_rows(rows)
        self._tombstones += step.tombstones
        for reconcile in step.reconciles:
            self._reconciles[reconcile.table].append(reconcile)
        # The checkpoints wait for the commit, the bodies need not.
        step.pages, step.rows, step.reconciles = [], [], []

    def commit(self) -> Sequence[Step]:
        """Make everything durable; returns the steps that are now in the lake."""
        self._encode_pages()
        for name in list(self._objects):
            self._write_objects(TABLES[name])
        self._compare()
        self._reconcile()
        self._write_tombstones()
        decision = Decision(
            self._writer.commit_id, self._app_id, "export", self._writer.finish(), generation=self._generation
        )
        commit(self._lake, self._ledger, decision, checkpoints=self._save_checkpoints, admission=self._admission)
        return self._steps

    def discard(self) -> None:
        """Close what is open; nothing of it is committed."""
        self._writer.discard()

    def _remember(self, step: Step) -> None:
        self._written.update(("messages", page.conversation_id) for page in step.pages)
        self._written.update(
            (rows.table, parent) for rows in step.rows if not rows.compare for parent in rows.parents.values()
        )
        self._reconciled.update((reconcile.table, reconcile.parent_id) for reconcile in step.reconciles)

    def _add_rows(self, rows: Rows) -> None:
        if not rows.items:
            return
        table = TABLES[rows.table]
        parents = {"app_id": self._app_id, **rows.parents}
        made = encode_rows(
            table,
            rows.items,
            parents=parents,
            exported_at=rows.fetched_at,
            run_id=self._run_id,
            dropped=self._dropped,
        )
        self.rows += len(made)
        if rows.compare:
            self._comparing += made
            return
        if table.parent:
            self._arriving[table.name] += [row[table.key[0]] for row in made]
        self._objects[table.name] += made
        if len(self._objects[table.name]) >= OBJECTS_PER_TABLE:
            self._write_objects(table)

    def _write_objects(self, table: Table) -> None:
        self._write(table, to_arrow(table, self._objects.pop(table.name)))

    def _encode_pages(self) -> None:
        pages, self._message_pages = self._message_pages, []
        answers = (
            message_rows.MessagePage(page.body, page.conversation_id, page.fetched_at, page.messages) for page in pages
        )
        for month, encoded in message_rows.encode_pages(answers, run_id=self._run_id, dropped=self._dropped):
            self._writer.append(TABLES["messages"], month, encoded)

    def _compare(self) -> None:
        if not self._comparing:
            return
        made, self._comparing = self._comparing, []
        table = TABLES["messages"]
        differing = self._lookup.differing(table, to_arrow(table, made))
        self._arriving[table.name] += differing[table.key[0]].to_pylist()
        self._write(table, differing)

    def _reconcile(self) -> None:
        for name, reconciles in self._reconciles.items():
            arriving = self._arriving[name]
            self._tombstones += self._lookup.missing(TABLES[name], reconciles, arriving=arriving)

    def _write_tombstones(self) -> None:
        if not self._tombstones:
            return
        found = self._tombstones
        now = [tombstone.seen_at for tombstone in found]
        columns = {
            "entity": [tombstone.entity for tombstone in found],
            "entity_id": [tombstone.entity_id for tombstone in found],
            "seen_at": now,
            "reason": [tombstone.reason for tombstone in found],
            "extra": [None] * len(found),
            "exported_at": now,
            "run_id": [self._run_id] * len(found),
        }
        table = TABLES["tombstones"]
        self._write(table, pa.table(columns, schema=table.schema))

    def _write(self, table: Table, rows: pa.Table) -> None:
        if table.partition_moment is None:
            self._writer.append(table, None, rows)
            return
        for month, part in split_by_month(table, rows):
            self._writer.append(table, month, part)

    def _save_checkpoints(self, connection: sa.Connection) -> None:
        ledger, steps, app_id = self._ledger, self._steps, self._app_id
        if not self._admission.is_open:
            steps = [only_admitted(step, self._admission) for step in steps]
        save_snapshots(ledger, connection, tables.users, [item for step in steps for item in step.users])
        save_snapshots(
            ledger, connection, tables.conversations, [item for step in steps for item in step.conversations]
        )
        aliases = {item.tag: item.user_id for step in steps for item in step.aliases}
        sets = {(item.table, item.parent_id): item.set_hash for step in steps for item in step.sets}
        ledger.upsert(
            connection,
            tables.aliases,
            [{"app_id": app_id, "tag": tag, "user_id": user_id} for tag, user_id in aliases.items()],
        )
        ledger.upsert(
            connection,
            tables.sets,
            [
                {"app_id": app_id, "table_name": name, "parent_id": parent_id, "set_hash": found}
                for (name, parent_id), found in sets.items()
            ],
        )
