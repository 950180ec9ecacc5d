"""Which files hold something of the subjects: reads key columns only, and of those only what statistics leave open."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import CorruptLakeError
from pipeline.lake.copies import local_copy
from pipeline.lake.layout import Lake
from pipeline.lake.tables import TABLES, Table
from pipeline.suppression.matcher import OF_OTHERS, Effect, Known
from pipeline.suppression.redact import Policy, theirs
from pipeline.suppression.registry import ERASURE_TARGETS, inside_of, keys_of, place_columns
from pipeline.suppression.subjects import Kind, Subject

OWN_KEYS: Mapping[str, tuple[str, Kind]] = {
    "clients": ("client_id", Kind.CLIENT),
    "devices": ("device_id", Kind.DEVICE),
    "participants": ("participant_id", Kind.PARTICIPANT),
    "messages": ("message_id", Kind.MESSAGE),
}
"""Tables whose rows go with their owner and are known elsewhere by an id of their own."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Args:
        files: by table, the files that may hold something, relative to the lake's root, with the numbers of their row
            groups that may. A few may turn out not to.
        matcher: the subjects, with the ids of all rows that are theirs.
    """

    files: Mapping[str, Mapping[str, frozenset[int]]] = field(repr=False)
    matcher: Known = field(repr=False)


def find(lake: Lake, app_id: str, subjects: Sequence[Subject], *, policy: Policy) -> Found:
    """Look for the subjects in all files of an app that are in the lake's folders, recorded or not.

    Raises:
        CorruptLakeError: a file can't be read, so nobody can say what it holds.
    """
    matcher = Known(subjects)
    at, paths = partial(_At, lake, app_id), files_by_table(lake, app_id)
    files: dict[str, dict[str, frozenset[int]]] = {name: {} for name in TABLES}
    owned: dict[Kind, set[str]] = defaultdict(set)
    for table in TABLES.values():
        for path in paths[table.name]:
            groups, ids = _search(at(path), table, _Search.of_keys(table, matcher, policy), matcher, policy)
            if groups:
                files[table.name][path] = groups
            if table.name in OWN_KEYS:
                owned[OWN_KEYS[table.name][1]].update(ids)
    # What quotes, events and tombstones say by the ids of rows that go with their owners.
    extended = Known(subjects, further=owned.items())
    for table in TABLES.values():
        search = _Search.of_texts(table)
        for path in paths[table.name]:
            known = files[table.name].get(path, frozenset())
            groups = known | _search(at(path), table, search, extended, policy, but=known)[0]
            if groups:
                files[table.name][path] = groups
    return Found(files, extended)


def data_files(lake: Lake, app_id: str, table: Table) -> list[str]:
    """An app's files of a table, relative to the lake's root: what any engine would read."""
    return sorted(file.path for file in lake.store.files(f"{table.name}/app_id={app_id}"))


def files_by_table(lake: Lake, app_id: str) -> dict[str, list[str]]:
    """As `data_files`, of all tables."""
    found: dict[str, list[str]] = {name: [] for name in TABLES}
    for file in lake.store.files(*(f"{name}/app_id={app_id}" for name in TABLES)):
        found[file.path.partition("/")[0]].append(file.path)
    return {name: sorted(paths) for name, paths in found.items()}


def copy_folder(lake: Lake, app_id: str) -> Path:
    """Where a file is copied to that is looked into or rewritten, if it is not on this machine's disk."""
    return rewrite_folder(lake, app_id) / "old"


def rewrite_folder(lake: Lake, app_id: str) -> Path:
    """Where files are written anew; nothing else of the app writes there, or clears it."""
    return lake.staging(f"{app_id}.rewrite")


@dataclass(frozen=True, slots=True)
class _At:
    """A file to look into."""

    lake: Lake
    app_id: str
    path: str

    @property
    def name(self) -> str:
        """As messages name it."""
        return self.lake.store.url(self.path)

    def copied(self) -> AbstractContextManager[Path]:
        """The file on this machine's disk."""
        return local_copy(self.lake, self.path, folder=copy_folder(self.lake, self.app_id))


@dataclass(frozen=True, slots=True)
class _Search:
    """Which columns to look at.

    Args:
        keys: by column, the sorted ids of which one must lie within a row group's statistics.
        texts: JSON columns that are looked through whole.
        marks: columns of which a hit matters although the row does not go, with kind and effect.
        context: columns that the rule needs beside them.
    """

    keys: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    texts: tuple[str, ...] = ()
    marks: tuple[tuple[str, Kind, Effect], ...] = ()
    context: tuple[str, ...] = ()

    @classmethod
    def of_keys(cls, table: Table, matcher: Known, policy: Policy) -> _Search:
        wanted: dict[str, list[str]] = defaultdict(list)
        marks: list[tuple[str, Kind, Effect]] = []
        for name, kind in keys_of(table.name):
            if matcher.any_of(kind):
                wanted[name] += matcher.ids(kind)
                if kind is Kind.CONVERSATION and policy.scope == "authored":
                    marks.append((name, kind, Effect.DROP))
        owner = ERASURE_TARGETS[table.name].owner
        if owner is not None and matcher.any_of(Kind.USER, effect=Effect.MASK):
            wanted[owner] += matcher.ids(Kind.USER, effect=Effect.MASK)
            marks.append((owner, Kind.USER, Effect.MASK))
        for kind in sorted(OF_OTHERS) if policy.mentions is not None else ():
            for name in place_columns(table.name) if matcher.any_of(kind) else ():
                wanted[name] += matcher.ids(kind)
                marks.append((name, kind, Effect.DROP))
        context = ("author_type",) if table.name == "messages" and policy.scope == "authored" else ()
        return cls(keys={name: sorted(ids) for name, ids in wanted.items()}, marks=tuple(marks), context=context)

    @classmethod
    def of_texts(cls, table: Table) -> _Search:
        names = tuple(name for name, _ in inside_of(table.name, "ids", "quotes", "payload"))
        if table.name == "tombstones":
            return cls(texts=names, context=("entity", "entity_id"))
        # A message that moved to another conversation, and events, are known by the ids of messages.
        return cls(texts=names)


def _search(
    at: _At, table: Table, search: _Search, matcher: Known, policy: Policy, *, but: frozenset[int] = frozenset()
) -> tuple[frozenset[int], frozenset[str]]:
    """The row groups of the file `but` these that hold something, and the ids of the rows that go by their keys."""
    own = OWN_KEYS.get(table.name, ("",))[0] if search.keys else ""
    hit, ids = set[int](), set[str]()
    try:
        with at.copied() as file, pq.ParquetFile(file) as parquet:
            if parquet.schema_arrow.names != table.schema.names:
                raise CorruptLakeError(f"{at.name} has other columns than its table; run `sunlake repair`")
            for number in sorted(set(range(parquet.num_row_groups)) - but):
                columns = list(_open_columns(parquet.metadata.row_group(number), table, search))
                if not columns:
                    continue
                names = list(dict.fromkeys([*columns, *search.context]))
                rows = parquet.read_row_group(number, columns=names)
                gone = theirs(table, rows, matcher, policy=policy)
                if gone is not None and pc.any(gone).as_py():
                    hit.add(number)
                    if own:
                        keys = rows if own in names else parquet.read_row_group(number, columns=[own])
                        ids.update(keys[own].filter(gone).to_pylist())
                elif _is_touched(rows, search, matcher):
                    hit.add(number)
    except (pa.ArrowException, OSError, ValueError):
        # The reason may quote values.
        raise CorruptLakeError(f"{at.name} is damaged or missing; run `sunlake repair`") from None
    return frozenset(hit), frozenset(ids)


def _is_touched(rows: pa.Table, search: _Search, matcher: Known) -> bool:
    """Whether rows may change of which none goes by its keys."""
    names = set(rows.schema.names)
    return any(
        name in names and pc.any(matcher.has(kind, rows[name], effect=effect)).as_py()
        for name, kind, effect in search.marks
    ) or any(name in names and matcher.suspects(rows[name]) for name in search.texts)


def _open_columns(group: pq.RowGroupMetaData, table: Table, search: _Search) -> Iterator[str]:
    """The columns of a row group of which the statistics don't say that nothing can be found in them."""
    statistics = {
        group.column(index).path_in_schema: group.column(index).statistics for index in range(group.num_columns)
    }
    for name, ids in search.keys.items():
        if _may_hold(statistics.get(name), ids, group.num_rows):
            yield name
    for name in search.texts:
        known = statistics.get(name)
        if known is None or not known.has_null_count or known.null_count < group.num_rows:
            yield name
    if table.name == "tombstones" and search.texts:
        yield "entity_id"


def _may_hold(statistics: pq.Statistics | None, ids: Sequence[str], rows: int) -> bool:
    """Whether one of the sorted ids may be in a column with these statistics."""
    if statistics is None:
        return True
    if statistics.has_null_count and statistics.null_count == rows:
        return False
    if not statistics.has_min_max or not isinstance(statistics.min, str):
        return True
    position = bisect_left(ids, statistics.min)
    return position < len(ids) and ids[position] <= statistics.max
