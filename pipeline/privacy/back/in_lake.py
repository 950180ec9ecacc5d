"""Which ids of the erased or masked stand in the lake's files where the rule of redaction leaves none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

import pyarrow as pa

from pipeline.lake.layout import Lake
from pipeline.lake.steady import read_steadily
from pipeline.lake.store import StoredFile
from pipeline.lake.tables import TABLES
from pipeline.privacy.back.rows import app_files, asked
from pipeline.suppression.matcher import ID_KINDS, Effect
from pipeline.suppression.redact import Policy
from pipeline.suppression.registry import (
    ENTITY_KINDS,
    ERASURE_TARGETS,
    inside_of,
    keys_of,
    masked_of,
    place_columns,
)
from pipeline.suppression.subjects import Kind
from pipeline.suppression.suppressed import Suppressed

_AUTHORED: Final = "author_type is distinct from 'business'"
_TOKENS: Final = r"""regexp_extract_all("{column}", '"([^"\\]{{1,128}})"', 1)"""

Queries = Mapping[str, Sequence[tuple[tuple[Kind, ...], str]]]
"""By table: queries that give one column `id`, each with the kinds that its ids may be of."""


def ids_in_lake(
    lake: Lake, app_id: str, matcher: Suppressed, *, effect: Effect, policy: Policy
) -> dict[Kind, frozenset[str]]:
    """The ids that are there and should not, and the places of which the list knows, by kind.

    Raises:
        CorruptLakeError: a file can't be read.
    """
    queries = _of_masked() if effect is Effect.MASK else _of_erased(policy)
    found: dict[Kind, set[str]] = defaultdict(set)
    for table, wanted in queries.items():
        known = [(kinds, sql) for kinds, sql in wanted if any(matcher.any_of(kind, effect=effect) for kind in kinds)]
        if not known:
            continue

        def among(files: Sequence[StoredFile], known: Sequence[tuple[tuple[Kind, ...], str]] = known) -> Found:
            return list(_matching(asked(lake, files, [sql for _, sql in known]), known, matcher, effect))

        for kind, ids in read_steadily(partial(app_files, lake, app_id, table), among):
            found[kind].update(ids)
    return {kind: frozenset(ids) for kind, ids in found.items() if ids}


Found = list[tuple[Kind, list[str]]]


def _matching(
    answers: Iterable[tuple[int, pa.Table]],
    queries: Sequence[tuple[tuple[Kind, ...], str]],
    matcher: Suppressed,
    effect: Effect,
) -> Iterator[tuple[Kind, list[str]]]:
    for number, rows in answers:
        for kind in queries[number][0]:
            yield kind, rows["id"].filter(matcher.has(kind, rows["id"], effect=effect)).to_pylist()


def _of_erased(policy: Policy) -> Queries:
    """Keys, what JSON says, and tombstones. Conversations stay where the words of the business do."""
    is_whole = policy.scope == "whole"
    found: dict[str, list[tuple[tuple[Kind, ...], str]]] = defaultdict(list)
    for table in TABLES:
        for column, kind in keys_of(table):
            if kind not in ID_KINDS or (kind is Kind.CONVERSATION and not is_whole and table == "conversations"):
                continue
            where = _AUTHORED if kind is Kind.CONVERSATION and not is_whole and table == "messages" else "true"
            found[table].append(((kind,), _distinct(f'"{column}"', where)))
        for column in place_columns(table):
            kinds = (Kind.GROUP, Kind.MENTIONING) if column == "conversation_id" else (Kind.MENTIONING,)
            found[table].append((kinds, _distinct(f'"{column}"')))
        inside = tuple(kind for kind in ID_KINDS if is_whole or kind is not Kind.CONVERSATION)
        for column, _ in inside_of(table, "ids", "quotes", "payload"):
            tokens = _TOKENS.format(column=column)
            found[table].append((inside, _distinct(f"unnest({tokens})", f'"{column}" is not null')))
    for entity, kind in ENTITY_KINDS.items():
        if is_whole or kind is not Kind.CONVERSATION:
            found["tombstones"].append(((kind,), _distinct("entity_id", f"entity = '{entity}'")))
    return found


def _of_masked() -> Queries:
    """Owners of rows that still say something direct."""
    found = {}
    for table, targets in ERASURE_TARGETS.items():
        if targets.owner is not None:
            told = " or ".join(f'"{column}" is not null' for column in masked_of(table))
            where = "true" if targets.drops_masked else told
            found[table] = [((Kind.USER,), _distinct(f'"{targets.owner}"', where))]
    return found


def _distinct(value: str, where: str = "true") -> str:
    # In two steps: DuckDB 2.0.0 loses rows of `select distinct` beside `unnest`.
    return f"select distinct id from (select {value} as id from rows_of_app where {where}) where id is not null"
