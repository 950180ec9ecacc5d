"""Answers of ListMessages, read strictly into columns of cells, without a loop over messages.

Nested objects stay slices of the original text. Messages without nulls come as the walk has read them; with nulls, a
page is read by the structs below. One that holds anything they don't know (a new field, another type or form, perhaps a
secret) is refused, and goes through the slower `rows.encode`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import accumulate, chain
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

import msgspec
from msgspec import UNSET, Raw, UnsetType
from msgspec.structs import astuple

from pipeline.lake import rows
from pipeline.lake.schema import Kind, Origin
from pipeline.lake.secrets import FREE_FORM, is_suspect
from pipeline.lake.tables import TABLES
from pipeline.walk.message import ABSENT, Message

Text: TypeAlias = str | UnsetType | None
Column: TypeAlias = Sequence[Any]
"""Values of one column, None where there is none; of JSON slices, an empty one where there is none."""
Path: TypeAlias = "tuple[str, ...]"

MESSAGES = TABLES["messages"]
COLUMNS = tuple(column for column in MESSAGES.fields if column.origin is not Origin.CONTEXT)
"""The columns that `read_cells` answers with, in its order."""

RECEIVED = COLUMNS.index(MESSAGES.column("received_at"))
_CONTENT_TYPE = MESSAGES.column("content_type")
_TEXT = MESSAGES.column("text")
_NESTED = ("content", "activity", "quotedMessage", "references", "metadata")
_JSON = tuple(place for place, column in enumerate(COLUMNS) if column.kind is Kind.JSON)
_NULL = Raw(b"null")
_MOMENT_MARKS = ((4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":"), (19, "."), (23, "Z"))
_MOMENT_LENGTH = 24
_MONTH = itemgetter(slice(7))


class MessagePage(NamedTuple):
    """One answer of ListMessages, whose `messages` belong to one conversation.

    Args:
        body: the whole body of the answer.
        conversation_id: the conversation that was asked for.
        exported_at: when the answer was received (aware).
        messages: those of the body, if the walk found nothing unusual about any.
    """

    body: bytes
    conversation_id: str
    exported_at: datetime
    messages: Sequence[Message] | None = None


class Cells(NamedTuple):
    """What answers hold.

    Args:
        columns: one for each of `COLUMNS`.
        nulls: the numbers of messages that hold explicit nulls, with the paths of these.
    """

    columns: list[Column]
    nulls: Mapping[int, Sequence[Path]]


class _Author(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, rename="camel"):
    type: str | UnsetType  # the specification demands it; so an empty object is refused here
    subtypes: list[str] | UnsetType | None = UNSET
    user_id: Text = UNSET
    display_name: Text = UNSET
    avatar_url: Text = UNSET


class _Source(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, rename="camel"):
    type: str | UnsetType  # as above
    integration_id: Text = UNSET
    original_message_id: Text = UNSET
    original_message_timestamp: Text = UNSET


class _Message(msgspec.Struct, gc=False, forbid_unknown_fields=True, rename="camel"):
    id: str
    received: Text = UNSET
    author: _Author = _Author(UNSET)
    source: _Source = _Source(UNSET)
    content: Raw = ABSENT
    activity: Raw = ABSENT
    quoted_message: Raw = ABSENT
    references: Raw = ABSENT
    metadata: Raw = ABSENT
    deleted: bool | UnsetType | None = UNSET


class _Answer(msgspec.Struct, gc=False):
    messages: list[_Message]


class _ContentHead(msgspec.Struct, gc=False):
    type: str | None = None
    text: str | None = None


_ANSWER = msgspec.json.Decoder(_Answer)
_CONTENT_HEAD = msgspec.json.Decoder(_ContentHead)
_CONTENT_HEADS = msgspec.json.Decoder(list[_ContentHead])


def together(found: Sequence[Cells]) -> Cells:
    """The cells of several pages, one behind the other."""
    columns: list[Column] = [
        list(chain.from_iterable(parts)) for parts in zip(*(cells.columns for cells in found), strict=True)
    ]
    starts = accumulate((len(cells.columns[0]) for cells in found), initial=0)
    nulls = {
        start + row: paths for start, cells in zip(starts, found, strict=False) for row, paths in cells.nulls.items()
    }
    return Cells(columns, nulls)


def cells_of(messages: Sequence[Message]) -> Cells | None:
    """The cells of messages; None if there is something unusual about one after all."""
    try:
        columns = _to_columns(messages)
    except RecursionError:  # the stack is deeper here than where the walk read them
        return None
    return None if columns is None or any(_NULL in columns[place] for place in _JSON) else Cells(columns, {})


def read_cells(body: bytes) -> Cells | None:
    """The cells of one page, whatever is null in it; None if it holds anything unusual."""
    try:
        if not body.isascii():
            body.decode()  # the decoder skips over slices without looking at their encoding
        messages = _ANSWER.decode(body).messages
        columns = _to_columns(messages) if messages else [[] for _ in COLUMNS]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return None if columns is None else _without_nulls(columns)


def month_of(moments: Iterable[Any]) -> str | None:
    """The month (`YYYY-MM`) of all moments; None if there are several, or one is missing."""
    try:
        months = set(map(_MONTH, moments))
    except TypeError:  # None among them
        return None
    return months.pop() if len(months) == 1 else None


def _to_columns(messages: Sequence[Message | _Message]) -> list[Column] | None:
    ids, received, authors, sources, *nested, deleted = zip(*map(astuple, messages), strict=True)
    author_columns = list(zip(*map(astuple, authors), strict=True))
    source_columns = list(zip(*map(astuple, sources), strict=True))
    if not (_are_canonical(received) and _are_canonical(source_columns[-1])):
        return None
    if any(is_suspect(b"".join(column)) for name, column in zip(_NESTED, nested, strict=True) if name not in FREE_FORM):
        return None
    content_columns = _content_heads(nested[_NESTED.index("content")])
    return [ids, received, *author_columns, *source_columns, *content_columns, *nested, deleted]


def _without_nulls(columns: list[Column]) -> Cells:
    """The same columns without UNSET and null; where null was told is noted."""
    nulls: dict[int, list[Path]] = {}
    cleaned: list[Column] = []
    for column, cells in zip(COLUMNS, columns, strict=True):
        is_json = column.kind is Kind.JSON
        null = _NULL if is_json else None
        if column.origin is Origin.FIELD and null in cells:
            for row in [row for row, cell in enumerate(cells) if cell == null]:
                nulls.setdefault(row, []).append(column.paths[0])
            cells = [ABSENT if cell == null else cell for cell in cells] if is_json else cells  # noqa: PLW2901
        cleaned.append([None if cell is UNSET else cell for cell in cells] if UNSET in cells else cells)
    return Cells(cleaned, nulls)


def _are_canonical(cells: Column) -> bool:
    """Whether each moment has the API's form; that its digits are digits and make a date, Arrow's cast will say."""
    try:
        texts, joined = cells, "".join(cells)
    except TypeError:  # None or UNSET among them
        texts = [cell for cell in cells if cell.__class__ is str]
        joined = "".join(texts)
    if not joined:
        return not texts
    return (
        set(map(len, texts)) == {_MOMENT_LENGTH}
        and all(joined[place::_MOMENT_LENGTH] == mark * len(texts) for place, mark in _MOMENT_MARKS)
        and min(texts) >= "0001"  # Python knows no year 0
    )


def _content_heads(contents: Sequence[Raw]) -> tuple[list[str | None], list[str | None]]:
    """The cells of content_type and text."""
    try:
        heads = _CONTENT_HEADS.decode(b"[" + b",".join(contents) + b"]")
    except msgspec.MsgspecError:
        heads = []
    if len(heads) != len(contents):  # one is absent, or has another form
        heads = [_content_head(bytes(content)) for content in contents]
    return [head.type for head in heads], [head.text for head in heads]


def _content_head(content: bytes) -> _ContentHead:
    try:
        return _CONTENT_HEAD.decode(content or b"{}")
    except msgspec.MsgspecError:
        fields = {"content": content}
        return _ContentHead(rows.derive(_CONTENT_TYPE, fields), rows.derive(_TEXT, fields))
