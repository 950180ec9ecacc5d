"""One answer of ListMessages, read strictly into columns of cells, without a loop over its messages.

Nested objects stay slices of the original text. A page that holds anything the structs below don't know (a new field,
another type or form, perhaps a secret) is refused, and goes through the slower `rows.encode`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

import msgspec
from msgspec import UNSET, Raw, UnsetType
from msgspec.structs import astuple

from pipeline.lake import rows
from pipeline.lake.schema import Origin
from pipeline.lake.secrets import FREE_FORM, is_suspect
from pipeline.lake.tables import TABLES

Text: TypeAlias = str | UnsetType | None
Cells: TypeAlias = Sequence[Any]
"""Values of one column: UNSET where absent and None where null; of JSON b"" where absent and b"null" where null."""

MESSAGES = TABLES["messages"]
COLUMNS = tuple(column for column in MESSAGES.fields if column.origin is not Origin.CONTEXT)
"""The columns that `read_cells` answers with, in its order."""

_RECEIVED = COLUMNS.index(MESSAGES.column("received_at"))
_CONTENT_TYPE = MESSAGES.column("content_type")
_TEXT = MESSAGES.column("text")
_NESTED = ("content", "activity", "quotedMessage", "references", "metadata")
_ABSENT = Raw()  # no JSON text is empty
_MOMENT_MARKS = ((4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":"), (19, "."), (23, "Z"))
_MOMENT_LENGTH = 24


class MessagePage(NamedTuple):
    """One answer of ListMessages, whose `messages` belong to one conversation.

    Args:
        body: the whole body of the answer.
        conversation_id: the conversation that was asked for.
        exported_at: when the answer was received (aware).
    """

    body: bytes
    conversation_id: str
    exported_at: datetime


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
    content: Raw = _ABSENT
    activity: Raw = _ABSENT
    quoted_message: Raw = _ABSENT
    references: Raw = _ABSENT
    metadata: Raw = _ABSENT
    deleted: bool | UnsetType | None = UNSET


class _Answer(msgspec.Struct, gc=False):
    messages: list[_Message]


class _ContentHead(msgspec.Struct, gc=False):
    type: str | None = None
    text: str | None = None


_ANSWER = msgspec.json.Decoder(_Answer)
_CONTENT_HEAD = msgspec.json.Decoder(_ContentHead)


def read_cells(body: bytes) -> list[Cells] | None:
    """The cells of `COLUMNS` of one page; None if the page holds anything unusual, [] if it has no messages."""
    try:
        messages = _ANSWER.decode(body).messages
        return _to_cells(messages) if messages else []
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def month_of(cells: list[Cells]) -> str | None:
    """The month (`YYYY-MM`) of all messages of a page; None if there are several, or moments are missing."""
    months = {moment[:7] if moment.__class__ is str else None for moment in cells[_RECEIVED]}
    return months.pop() if len(months) == 1 else None


def _to_cells(messages: list[_Message]) -> list[Cells] | None:
    ids, received, authors, sources, *nested, deleted = zip(*map(astuple, messages), strict=True)
    slices = {name: _slices(cells) for name, cells in zip(_NESTED, nested, strict=True)}
    author_cells = list(zip(*map(astuple, authors), strict=True))
    source_cells = list(zip(*map(astuple, sources), strict=True))
    if not (_are_canonical(received) and _are_canonical(source_cells[-1])):
        return None
    if any(is_suspect(b"".join(cells)) for name, cells in slices.items() if name not in FREE_FORM):
        return None
    content_cells = _content_heads(slices["content"])
    return [ids, received, *author_cells, *source_cells, *content_cells, *slices.values(), deleted]


def _slices(cells: Cells) -> list[bytes]:
    absent = cells.count(_ABSENT) == len(cells)  # the default is always the same object, so this is quick
    return [b""] * len(cells) if absent else list(map(bytes, cells))


def _are_canonical(cells: Cells) -> bool:
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


def _content_heads(contents: Sequence[bytes]) -> tuple[list[str | None], list[str | None]]:
    """The cells of content_type and text."""
    try:
        heads = [_CONTENT_HEAD.decode(content) for content in contents]
    except msgspec.MsgspecError:
        heads = [_content_head(content) for content in contents]
    return [head.type for head in heads], [head.text for head in heads]


def _content_head(content: bytes) -> _ContentHead:
    try:
        return _CONTENT_HEAD.decode(content or b"{}")
    except msgspec.MsgspecError:
        fields = {"content": content}
        return _ContentHead(rows.derive(_CONTENT_TYPE, fields), rows.derive(_TEXT, fields))
