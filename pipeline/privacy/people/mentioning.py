"""Where people are mentioned by others: rows of any table whose texts name them (gdpr.md, section 5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import pyarrow as pa

from pipeline.lake import exact_json
from pipeline.lake.schema import Kind as ColumnKind
from pipeline.lake.tables import TABLES, Column
from pipeline.privacy.desk import Desk
from pipeline.privacy.people.lake_view import LakeView, open_view
from pipeline.privacy.people.shared import shared_in
from pipeline.suppression.mentions import Mentions
from pipeline.suppression.registry import mentions_in, place_columns
from pipeline.suppression.subjects import Action, Subject

_ROWS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Mentioning:
    """A row that mentions people.

    Args:
        table: its table.
        key: the values of the table's key.
        place: where it stands, by which what it says is redacted again when it comes again; None if it stands nowhere.
        subjects: whom it mentions, by number.
        is_kept: whether it mentions somebody where nothing is ever redacted, such as in what identifies somebody else.
    """

    table: str
    key: tuple[str | None, ...] = field(repr=False)
    place: str | None = field(repr=False)
    subjects: frozenset[int]
    is_kept: bool


def mentioning_rows(
    view: LakeView, subjects: Sequence[Subject], *, user_ids: bool = False, but_doomed: bool = False
) -> Iterator[Mentioning]:
    """All rows of an app in which one of its subjects is mentioned; not by what others are called as well.

    Args:
        view: the app.
        subjects: of the app.
        user_ids: whether an id of theirs is a mention, too.
        but_doomed: without the rows of the table `doomed` of `hits.find_hits`.
    """
    mentions = Mentions(subjects, user_ids=user_ids, shared=shared_in(view, subjects))
    left = "anti join doomed using (file, file_row)" if but_doomed else ""
    for table in TABLES.values():
        columns = list(mentions_in(table.name))
        names = dict.fromkeys([*(column.name for column, _ in columns), *_keys(table.name), *place_columns(table.name)])
        chosen = ", ".join(f'"{name}"' for name in names)
        for batch in view.duck.sql(f"select {chosen} from {table.name} {left}").to_arrow_reader(_ROWS):
            yield from _in_rows(table.name, pa.table(batch), columns, mentions)


def with_mentions(desk: Desk, subjects: Sequence[Subject]) -> list[Subject]:
    """The subjects with the places where others mention those who are erased, if mentions are to be redacted.

    Raises:
        LakeError: a file of the lake can't be read.
    """
    found = list(subjects)
    if desk.settings.privacy.mentions != "redact":
        return found
    for app_id in dict.fromkeys(subject.app_id for subject in subjects if subject.action is Action.ERASE):
        numbers = [number for number, subject in enumerate(found) if _is_erased(subject, app_id)]
        erased = [found[number] for number in numbers]
        own = frozenset().union(*(_own(subject, scope=desk.settings.privacy.scope) for subject in erased))
        places: dict[int, set[str]] = defaultdict(set)
        with open_view(desk.lake, desk.ledger, app_id) as view:
            for row in mentioning_rows(view, erased, user_ids=True):
                if row.place is not None and row.place not in own:
                    for number in row.subjects:
                        places[numbers[number]].add(row.place)
        for number, others in places.items():
            found[number] = replace(found[number], mentioning_ids=found[number].mentioning_ids | others)
    return found


def _is_erased(subject: Subject, app_id: str) -> bool:
    return subject.action is Action.ERASE and subject.app_id == app_id


def _own(subject: Subject, *, scope: Literal["whole", "authored"]) -> frozenset[str]:
    """The places that go with the subject, and the groups, which are looked through in any case."""
    talks = subject.personal_conversation_ids | subject.default_conversation_ids if scope == "whole" else frozenset()
    return talks | subject.group_conversation_ids | subject.user_ids


def _keys(table: str) -> list[str]:
    return [name for name in TABLES[table].key if name in TABLES[table].schema.names]


def _in_rows(
    table: str, rows: pa.Table, columns: Sequence[tuple[Column, bool]], mentions: Mentions
) -> Iterator[Mentioning]:
    whom: dict[int, set[int]] = defaultdict(set)
    kept: set[int] = set()
    for column, is_redacted in columns:
        texts = rows[column.name]
        for number in mentions.suspects(texts):
            text = texts[number].as_py()
            found = set().union(*(mentions.of(part) for part in _parts(column, text))) if text is not None else set()
            if found:
                whom[number] |= found
                if not is_redacted:
                    kept.add(number)
    for number, subjects in sorted(whom.items()):
        values = {name: rows[name][number].as_py() for name in (*_keys(table), *place_columns(table))}
        place = next((values[name] for name in place_columns(table) if values[name] is not None), None)
        key = tuple(values[name] for name in _keys(table))
        yield Mentioning(table, key, place, frozenset(subjects), place is None or number in kept)


def _parts(column: Column, value: str) -> Iterator[str]:
    """The texts of a value: JSON as it stands where no escape hides anything."""
    if column.kind is not ColumnKind.JSON or "\\" not in value:
        yield value
        return
    try:
        yield from _texts(exact_json.parse(value))
    except (ValueError, RecursionError):
        yield value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from _texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
