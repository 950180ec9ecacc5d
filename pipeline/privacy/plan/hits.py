"""Which rows of which files are a batch's: found by key columns, quotes and event payloads (gdpr.md, section 6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pipeline.privacy.people.lake_view import LakeView
from pipeline.suppression.matcher import BRAND_SEPARATOR, CHANNEL_QUOTE
from pipeline.suppression.subjects import Action, Kind, Subject

KEYS: Final[Mapping[str, tuple[tuple[str, Kind], ...]]] = {
    "users": (("user_id", Kind.USER),),
    "clients": (("client_id", Kind.CLIENT), ("user_id", Kind.USER)),
    "devices": (("device_id", Kind.DEVICE), ("user_id", Kind.USER), ("client_id", Kind.CLIENT)),
    "conversations": (("conversation_id", Kind.CONVERSATION),),
    "participants": (
        ("participant_id", Kind.PARTICIPANT),
        ("conversation_id", Kind.CONVERSATION),
        ("user_id", Kind.USER),
    ),
    "messages": (
        ("message_id", Kind.MESSAGE),
        ("conversation_id", Kind.CONVERSATION),
        ("author_user_id", Kind.USER),
    ),
    "events": (("conversation_id", Kind.CONVERSATION), ("user_id", Kind.USER), ("message_id", Kind.MESSAGE)),
}
"""By table: the columns that make a row a subject's, and what they identify."""

_EFFECT: Final = {Action.PII_ONLY: 1, Action.ERASE: 2}

_TOMBSTONE_KINDS: Final = (*(Kind.USER, Kind.CLIENT, Kind.DEVICE, Kind.CONVERSATION, Kind.PARTICIPANT, Kind.MESSAGE),)
_STRINGS: Final = r"""'"([^"\\]{1,128})"', 1"""


@dataclass(frozen=True, slots=True)
class Hits:
    """How many rows are whose, and where. Quotes are rows that stay and quote a subject.

    `rows` and `quotes` are by number of the subject; `files` by path relative to the lake's root, and only of what is
    to be rewritten.
    """

    rows: dict[int, Counter[str]] = field(default_factory=dict)
    quotes: Counter[int] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)


def find_hits(view: LakeView, subjects: Sequence[Subject]) -> Hits:
    """Count the rows of subjects, in order. Leaves the table `doomed(file, file_row)`: the rows that will go."""
    _put_targets(view, subjects)
    view.duck.execute("create or replace temp table doomed (file varchar, file_row bigint)")
    hits = Hits(rows={number: Counter() for number in range(len(subjects))})
    for table in (*KEYS, "tombstones"):
        _find(view, table)
        for number, count in view.rows("select subject, count(distinct (file, file_row)) from hit group by subject"):
            hits.rows[number][table] = count
        view.duck.execute("insert into doomed select distinct file, file_row from hit where is_removed")
        if table == "messages":
            _find_quotes(view)
            hits.quotes.update(
                dict(view.rows("select subject, count(distinct (file, file_row)) from quote group by subject"))
            )
            view.duck.execute("insert into hit select * from quote")
        for file, count in view.rows(
            "select file, count(distinct file_row) from hit where is_rewritten group by file order by file"
        ):
            hits.files[view.relative(file)] = count
    return hits


def quoting_messages(view: LakeView, subjects: Sequence[Subject]) -> frozenset[str]:
    """The messages of others that quote a subject."""
    find_hits(view, subjects)
    query = "select message_id from messages join quote using (file, file_row) where message_id is not null"
    return frozenset(message_id for (message_id,) in view.rows(query))


def _put_targets(view: LakeView, subjects: Sequence[Subject]) -> None:
    rows = [
        (number, kind, item, _EFFECT.get(subject.action, 0))
        for number, subject in enumerate(subjects)
        for kind, items in _ids_of(subject)
        for item in sorted(items)
    ]
    view.put(
        "targets",
        {
            "subject": [row[0] for row in rows],
            "kind": [row[1].value for row in rows],
            "id": [row[2] for row in rows],
            "effect": [row[3] for row in rows],
        },
        numbers=("subject", "effect"),
    )
    view.duck.execute(
        "create or replace temp table target as "
        "select subject, kind, id, effect > 0 as is_rewritten, effect > 1 as is_removed from targets"
    )


def _ids_of(subject: Subject) -> list[tuple[Kind, frozenset[str]]]:
    if subject.action is Action.PII_ONLY:
        return [(Kind.USER, subject.user_ids), (Kind.DEVICE, subject.device_ids)]  # texts and talks stay
    return [
        (Kind.USER, subject.user_ids),
        (Kind.CLIENT, subject.client_ids),
        (Kind.DEVICE, subject.device_ids),
        (Kind.PARTICIPANT, subject.participant_ids),
        (Kind.CONVERSATION, subject.personal_conversation_ids),
        (Kind.MESSAGE, subject.message_ids),
        (Kind.ORIGINAL_MESSAGE, subject.original_messages),
    ]


def _find(view: LakeView, table: str) -> None:
    if table == "tombstones":
        kinds = ", ".join(f"'{kind}'" for kind in _TOMBSTONE_KINDS)
        parts = [
            f"""
            select target.subject, target.is_rewritten, target.is_removed, file, file_row from tombstones
            join target on target.id = tombstones.entity_id and target.kind = tombstones.entity
            where tombstones.entity in ({kinds})
            """
        ]
    else:
        parts = [
            f"select target.subject, target.is_rewritten, target.is_removed, file, file_row from {table} "
            f"join target on target.kind = '{kind}' and target.id = {table}.{column}"
            for column, kind in KEYS[table]
        ]
    if table == "events":
        parts.append(f"""
            select target.subject, target.is_rewritten, target.is_removed, named.file, named.file_row
            from (
                select file, file_row, unnest(list_distinct(regexp_extract_all(payload, {_STRINGS}))) as id
                from events where payload is not null
            ) as named
            join target on target.id = named.id
        """)
    view.duck.execute(f"create or replace temp table hit as {' union '.join(parts)}")


def _find_quotes(view: LakeView) -> None:
    view.duck.execute(f"""
        create or replace temp table quote as
        select distinct target.subject, target.is_rewritten, target.is_removed, quoting.file, quoting.file_row
        from (
            select file, file_row, unnest(list_distinct(regexp_extract_all(quoted_message, {_STRINGS}))) as id
            from messages where quoted_message is not null
            union all
            select file, file_row, concat(conversation_id, '{BRAND_SEPARATOR}', quoted_message ->> '{CHANNEL_QUOTE}')
            from messages where quoted_message like '%{CHANNEL_QUOTE}%'
        ) as quoting
        join target on target.id = quoting.id
        anti join doomed on doomed.file = quoting.file and doomed.file_row = quoting.file_row
    """)
