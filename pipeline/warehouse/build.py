"""Builds the warehouse: runs the models over the lake and puts the result in place of the last one.

    snapshot + ledger + settings -> sources -> before -> conversations, pass by pass -> after -> marts, warehouse.duckdb

If the last build is there, only what changed since is computed (`changes.py`); the marts are the same, byte for byte.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import duckdb

from pipeline.config import Settings
from pipeline.lake import storage
from pipeline.lake.layout import Lake, open_lake
from pipeline.lake.lock import writer_lock
from pipeline.warehouse.aggregate import compute_after, store
from pipeline.warehouse.changed import forget_changes
from pipeline.warehouse.changes import find_touched, fingerprint_all, inputs_fingerprint, remember_inputs
from pipeline.warehouse.failures import ReplacedError, translated
from pipeline.warehouse.header_checks import CheckResult
from pipeline.warehouse.marts import StagedMart, publish_marts, write_marts
from pipeline.warehouse.meta import BuildRecord, last_build, write_comments, write_meta
from pipeline.warehouse.model import Model
from pipeline.warehouse.models import Models, load_models
from pipeline.warehouse.passes import ROWS_PER_PASS, append, compute_all, compute_touched
from pipeline.warehouse.session import MEMORY_LIMIT, compute_before, fill_sources, open_session
from pipeline.warehouse.snapshot import Snapshot, take_snapshot
from pipeline.warehouse.sources import Restricted
from pipeline.warehouse.stored import warehouse_file
from pipeline.warehouse.tally import ModelTally, OnModel, Tally
from pipeline.warehouse.unstored_checks import UnstoredChecks

LOCK: Final = "warehouse"
ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class BuildSummary:
    """How a build ended.

    `why_full` says why everything was computed; None: only the `conversations` that changed were. `failed_checks` are
    those of models that are stored nowhere; `sunlake check` tells of all.
    """

    warehouse: Path
    why_full: str | None
    conversations: int
    models: Sequence[ModelTally]
    failed_checks: Sequence[CheckResult]
    seconds: float

    @property
    def exit_code(self) -> int:
        """0 all built; 3 some models failed, and what reads them was left out."""
        return 3 if any(model.outcome in {"failed", "skipped"} for model in self.models) else 0


def build(
    settings: Settings,
    *,
    full: bool = False,
    select: Sequence[str] = (),
    memory_limit: str = MEMORY_LIMIT,
    rows_per_pass: int = ROWS_PER_PASS,
    models: Models | None = None,
    on_model: OnModel | None = None,
    restricted: Restricted = (),
) -> BuildSummary:
    """Build the warehouse of a lake, or bring it up to date.

    Args:
        settings: the lake, the ledger, and `[warehouse]`.
        full: compute everything, even what did not change.
        select: patterns of models (`Models.select`); only these are computed, and the next build computes everything.
        memory_limit: for DuckDB, such as "2GB"; beyond it the disk is used.
        rows_per_pass: how many messages are computed at a time.
        models: by default those that come with sunlake.
        on_model: told of each computation.
        restricted: users and conversations that no model shows, beside those whose processing the lake's list
            restricts; where they are others than at the last build, everything is computed.

    Raises:
        LakeError: there is no lake, or a file of it is damaged.
        ModelError: a model's file is wrong. A model whose query fails does not raise: the summary names it.
        UsageError: `select` names no model.
        LockedError: another build is running.
        PrivacyKeyError: somebody is restricted, and the key that tells who is missing; the last build stays.
    """
    lake = open_lake(settings.place, create=False)
    chosen = models or load_models()
    wanted = chosen.select(select) if select else {model.name for model in chosen}
    with writer_lock(lake, LOCK, what="build"):
        for attempt in range(1, ATTEMPTS + 1):
            tally = Tally(chosen, wanted, _needed(chosen, wanted), on_model)
            run = _Build(
                settings,
                lake,
                tally,
                UnstoredChecks(tally.needed),
                memory_limit,
                rows_per_pass,
                is_selected=bool(select),
                restricted=restricted,
            )
            try:
                with translated(lake.place):
                    return run.run(full=full)
            except ReplacedError:
                # A compaction merged files away after they were listed.
                if attempt == ATTEMPTS:
                    raise
    raise AssertionError


def _needed(models: Models, wanted: set[str]) -> set[str]:
    """What has to be computed: what is wanted, and what it reads that is stored nowhere."""
    conversation = {model.name for model in models.conversation}
    needed = models.needs(wanted & conversation) | wanted
    for model in reversed([*models.before, *models.after]):
        is_read = any(model.name in other.references for other in models if other.name in needed)
        # What comes before conversations is cheap, and so never read from an older build.
        if is_read and (not model.is_stored or model in models.before):
            needed.add(model.name)
    return needed


@dataclass(frozen=True, slots=True)
class _Build:
    """One attempt. It works on a copy beside the warehouse, which it replaces at the end."""

    settings: Settings
    lake: Lake
    tally: Tally
    unstored: UnstoredChecks
    memory_limit: str
    rows_per_pass: int
    is_selected: bool
    restricted: Restricted = field(repr=False)

    def run(self, *, full: bool) -> BuildSummary:
        began = time.perf_counter()
        folder = self.lake.private / "build"
        storage.remove_tree(folder)  # what a killed build left
        storage.make_folder(folder)
        final, staged = warehouse_file(self.lake), folder / "warehouse.duckdb"
        snapshot = take_snapshot(self.lake)
        record = BuildRecord.now(self.tally.models, self.settings.warehouse)
        last = last_build(final)
        why_full = "all was asked for" if full else _why_full(last, record)
        if why_full is None or (self.is_selected and last is not None):
            storage.copy(final, staged)
        with open_session(self.lake, staged, memory_limit=self.memory_limit) as connection:
            fill_sources(connection, self.lake, self.settings, snapshot, restricted=self.restricted)
            compute_before(connection, self.tally, self.unstored.visit)
            if self.is_selected:
                why_full = why_full or "models were selected"
            else:
                record = replace(record, inputs=inputs_fingerprint(connection, self.tally.models))
                if why_full is None and last is not None and last.inputs != record.inputs:
                    why_full = "an app, an integration or who is restricted changed"
            conversations, marts = self._compute(connection, snapshot, folder, is_full=why_full is not None)
            is_whole = not self.is_selected and not self.tally.broken
            record = replace(record, is_whole=is_whole, is_sound=not self.unstored.failed)
            write_meta(connection, self.tally, record, is_full=why_full is not None)
            self.unstored.write(connection, is_full=why_full is not None)
        publish_marts(self.lake, marts, lock=LOCK)
        storage.sync_file(staged)
        storage.rename(staged, final)
        storage.remove_tree(folder)
        tallies = list(self.tally.by_name.values())
        seconds = time.perf_counter() - began
        return BuildSummary(final, why_full, conversations, tallies, self.unstored.failed, seconds)

    def _compute(
        self, connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, folder: Path, *, is_full: bool
    ) -> tuple[int, list[StagedMart]]:
        tally = self.tally
        if is_full:
            fingerprint_all(connection, snapshot)
            compute_all(connection, tally, self._visit, rows_per_pass=self.rows_per_pass)
        else:
            forget_changes(connection)
            find_touched(connection, snapshot, tally.models)
            compute_touched(connection, tally, self.unstored.visit)
        remember_inputs(connection)
        for model in tally.models.before:
            if tally.stores(model):
                store(connection, model, compare=not is_full)
        compute_after(connection, tally, self.unstored.visit, only_changed=not is_full)
        self._drop_broken(connection)
        write_comments(connection, tally)
        marts = write_marts(connection, tally, folder, only_changed=not is_full)
        return _count_conversations(connection, is_full=is_full), marts

    def _visit(self, connection: duckdb.DuckDBPyConnection, model: Model, number: int) -> None:
        self.unstored.visit(connection, model)
        if self.tally.stores(model):
            append(connection, model, number)

    def _drop_broken(self, connection: duckdb.DuckDBPyConnection) -> None:
        """What failed now must not stay as it was in the last build: it would contradict the rest."""
        for tally in self.tally.broken:
            connection.execute(f"drop table if exists warehouse.{tally.name}")


def _why_full(last: BuildRecord | None, record: BuildRecord) -> str | None:
    """Why a build can't go on from the last one, or None."""
    if last is None:
        return "there is no warehouse yet"
    if not last.is_whole:
        return "the last build left models out"
    if not last.is_sound:
        return "a check of the last build failed"
    if last.made_of != record.made_of:
        return "a model or DuckDB changed"
    if last.settings != record.settings:
        return "a setting changed"
    return None


def _count_conversations(connection: duckdb.DuckDBPyConnection, *, is_full: bool) -> int:
    counted = "select count(distinct (app_id, conversation_id)) from warehouse.meta.fingerprints"
    (count,) = connection.execute(counted if is_full else "select count(*) from main.touched").fetchone() or (0,)
    return int(count)
