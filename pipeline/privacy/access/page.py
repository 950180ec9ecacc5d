"""The page of the copy: one file for a layperson, without scripts, that loads nothing; written as a stream."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipeline.lake.schema import Kind
from pipeline.lake.tables import TABLES
from pipeline.privacy.access.attachments import ATTACHMENTS
from pipeline.privacy.access.chat import Bubble, bubble, flat, state_note
from pipeline.privacy.access.parts import read_parquet
from pipeline.privacy.access.told import Told
from pipeline.suppression.registry import ERASURE_TARGETS

PARTS: Final = Path(__file__).with_name("page")
_SHOWN_AS_CARDS: Final = (
    ("users", "Your profile", "What is stored about you as a person."),
    ("clients", "Your channels", "Ways in which you wrote: a website, an app, a messaging service."),
    ("devices", "Your devices", "Devices on which a chat was open. Their secret push addresses are not stored."),
)
_PARTS: Final[tuple[tuple[str, str, str], ...]] = (
    ("users", "Your profile", "Names, addresses, language, and custom properties."),
    ("clients", "Your channels", "The channels on which you wrote."),
    ("devices", "Your devices", "The devices on which a chat was open."),
    ("conversations", "Conversations", "The conversations that you took part in."),
    ("participants", "Memberships", "Your place in each of them: what you have read."),
    ("messages", "Messages", "All messages in them that you wrote or were shown."),
    ("events", "Events", "Notices of the messaging service about you."),
    (ATTACHMENTS, "Files", "Files and pictures that these messages show, one record for each link."),
)
# Of characters that a text can be turned around or hidden with; line breaks and tabs stay.
_ODD: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the page says of itself. Times are aware.

    Args:
        controller: who is responsible for the data.
        recipients: who else was given data.
        made_at: when the copy was made.
        as_of: when the newest of its data was received; None if there is none.
        lake_as_of: when the last complete export began; None if there was none.
        told: what upstream told when it was asked again, or why it was not asked.
        differences: what the lake did not know, by table.
        counts: rows by table.
        withheld: messages left out because the subject was not there to see them.
        people: other people that were given another name.
    """

    controller: str
    recipients: Sequence[str]
    made_at: datetime
    as_of: datetime | None
    lake_as_of: datetime | None
    told: Told
    differences: Mapping[str, int]
    counts: Mapping[str, int]
    withheld: int
    people: int


@dataclass(frozen=True, slots=True)
class Part:
    """A table of the copy in words."""

    name: str
    title: str
    meaning: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A value with its name and meaning."""

    name: str
    meaning: str
    value: str


@dataclass(frozen=True, slots=True)
class Card:
    """One record as facts."""

    note: str
    facts: list[Fact]


@dataclass(frozen=True, slots=True)
class Chat:
    """One conversation; its bubbles can be read once."""

    title: str
    card: Card | None
    bubbles: Iterator[Bubble]


def page_chunks(about: About, files: Mapping[str, Path]) -> Iterator[bytes]:
    """The page in pieces. All texts are escaped; a policy lets nothing act but the page's own style.

    Args:
        about: what it says of itself.
        files: the Parquet files of the copy, by table.
    """
    environment = Environment(
        loader=FileSystemLoader(PARTS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters["moment"] = moment
    style = (PARTS / "style.css").read_text("utf-8")
    pieces = environment.get_template("access.html.j2").generate(
        about=about,
        parts=[Part(name, title, meaning, _purpose(name)) for name, title, meaning in _PARTS],
        cards=[(title, intro, _cards(name, files[name])) for name, title, intro in _SHOWN_AS_CARDS],
        chats=_chats(files),
        memberships=_cards("participants", files["participants"]),
        events=_cards("events", files["events"]),
        style=Markup(style),  # noqa: S704 - our own file
        policy=_policy(style),
    )
    for piece in pieces:
        yield piece.encode("utf-8", "replace")


def _purpose(name: str) -> str:
    """Why a part is kept, as the records of processing have it; files are parts of messages."""
    return ERASURE_TARGETS["messages" if name == ATTACHMENTS else name].purpose


def moment(value: datetime | None) -> str:
    """A moment for a reader."""
    return f"{value:%Y-%m-%d %H:%M} UTC" if value else "time unknown"


def _policy(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _chats(files: Mapping[str, Path]) -> Iterator[Chat]:
    """The conversations in the order of their messages, then those without any."""
    heads = {row["conversation_id"]: row for row in read_parquet(files["conversations"])}
    messages = read_parquet(files["messages"])
    attached = _Attached(files[ATTACHMENTS])
    number = 0
    for number, (key, rows) in enumerate(groupby(messages, key=itemgetter("conversation_id")), 1):
        yield _chat(number, heads.pop(key, None), (bubble(row, attached.to(row["message_id"])) for row in rows))
    for silent, head in enumerate(heads.values(), number + 1):
        yield _chat(silent, head, iter(()))


class _Attached:
    """The files of the messages, read once beside them: both are in the same order."""

    def __init__(self, path: Path) -> None:
        self._groups = groupby(read_parquet(path), key=itemgetter("message_id"))
        self._step()

    def to(self, message_id: str) -> Sequence[Mapping[str, Any]]:
        """The rows of one message; ask in the order of the messages."""
        if message_id != self._message_id:
            return ()
        rows = self._rows
        self._step()
        return rows

    def _step(self) -> None:
        message_id, rows = next(self._groups, (None, ()))
        self._message_id, self._rows = message_id, list(rows)


def _chat(number: int, head: dict[str, Any] | None, bubbles: Iterator[Bubble]) -> Chat:
    name = head["display_name"] if head else None
    return Chat(
        f"Conversation {number}" + (f": {name}" if name else ""),
        _card("conversations", head) if head else None,
        bubbles,
    )


def _cards(name: str, path: Path) -> Iterator[Card]:
    return (_card(name, row) for row in read_parquet(path))


def _card(name: str, row: Mapping[str, Any]) -> Card:
    facts = []
    for column in TABLES[name].columns:
        value = row.get(column.name)
        if value is None or column.name == "exported_at":
            continue
        title = column.name.replace("_", " ").capitalize()
        if column.kind is Kind.JSON:
            facts += [
                Fact(f"{title} / {path}" if path else title, column.description, text)
                for path, text in flat(json.loads(value))
            ]
        else:
            facts.append(Fact(title, column.description, _text(column.kind, value)))
    return Card(state_note(row["copy_state"]), facts)


def _text(kind: Kind, value: Any) -> str:
    if kind is Kind.MOMENT:
        return moment(value)
    if kind is Kind.BOOL:
        return "yes" if value else "no"
    return ", ".join(value) if kind is Kind.STRINGS else str(value)


def _visible(value: Any) -> Any:
    """Escape what would act instead of being shown; the page's own parts are no strings from outside."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _ODD.sub(lambda match: f"\\u{ord(match[0]):04x}", value)
    return value
