"""Whom models must not see although the lake keeps them: restriction of processing (Art. 18).

The list holds MACs only, so the ids that the lake has are hashed and looked up; the answer lives in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.bounded import connect_bounded
from pipeline.config import Settings
from pipeline.errors import PrivacyKeyError
from pipeline.lake.corruption import corruption
from pipeline.lake.layout import Lake
from pipeline.lake.repair import apps_of
from pipeline.lake.steady import read_steadily
from pipeline.lake.store import StoredFile
from pipeline.spill import spill_folder
from pipeline.suppression.keys import Keyring, load_keyring
from pipeline.suppression.listing import load
from pipeline.suppression.matcher import Effect
from pipeline.suppression.subjects import Action, Kind
from pipeline.suppression.suppressed import Suppressed

MEMORY_LIMIT = "512MB"
_SOURCES = {
    Kind.USER: (
        ("users", "user_id"),
        ("clients", "user_id"),
        ("participants", "user_id"),
        ("messages", "author_user_id"),
        ("events", "user_id"),
    ),
    Kind.CONVERSATION: (
        ("conversations", "conversation_id"),
        ("participants", "conversation_id"),
        ("messages", "conversation_id"),
        ("events", "conversation_id"),
    ),
}


@dataclass(frozen=True, slots=True)
class Restricted:
    """Ids of one app, in clear: rows with one of these users or conversations are to be hidden."""

    app_id: str
    user_ids: frozenset[str] = field(default=frozenset(), repr=False)
    conversation_ids: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether nobody is to be hidden."""
        return not self.user_ids and not self.conversation_ids


def everybody_restricted(lake: Lake, settings: Settings) -> frozenset[tuple[Literal["user", "conversation"], str]]:
    """Kinds and ids of all users and conversations of a lake that models must not see. No key: no answer.

    Args:
        lake: the lake; every app of it is looked at.
        settings: say where the privacy key is; it is loaded only if somebody is restricted.

    Raises:
        PrivacyKeyError: somebody is restricted, and a key that tells who is missing.
        CorruptLakeError: the list or a file can't be read.
    """
    app_ids = [app_id for app_id in apps_of(lake) if has_restrictions(lake, app_id)]
    if not app_ids:
        return frozenset()
    try:
        keyring = load_keyring(settings)
        found = [restricted_ids(lake, keyring, app_id) for app_id in app_ids]
    except PrivacyKeyError as error:
        raise PrivacyKeyError(f"somebody's data is restricted, and only the key tells whom to hide: {error}") from None
    users: set[tuple[Literal["user", "conversation"], str]] = {("user", each) for one in found for each in one.user_ids}
    return frozenset(users | {("conversation", each) for one in found for each in one.conversation_ids})


def has_restrictions(lake: Lake, app_id: str, *, now: datetime | None = None) -> bool:
    """Whether anybody of the app is restricted; needs no key."""
    return any(entry.action is Action.RESTRICT for entry in load(lake).in_force(app_id, now=now))


def restricted_ids(lake: Lake, keyring: Keyring, app_id: str, *, now: datetime | None = None) -> Restricted:
    """The users and conversations of the app that models must not see.

    Raises:
        PrivacyKeyError: a key that made a restriction is missing.
        CorruptLakeError: the list or a file can't be read.
    """
    matcher = Suppressed(load(lake).in_force(app_id, now=now), keyring, app_id=app_id, effects=(Effect.HIDE,))
    if matcher.is_empty:
        return Restricted(app_id)
    users, conversations = (_matching(lake, app_id, matcher, kind) for kind in (Kind.USER, Kind.CONVERSATION))
    return Restricted(app_id, users, conversations)


def _matching(lake: Lake, app_id: str, matcher: Suppressed, kind: Kind) -> frozenset[str]:
    if not matcher.any_of(kind, effect=Effect.HIDE):
        return frozenset()
    found: set[str] = set()
    for table, column in _SOURCES[kind]:
        ids = _distinct(lake, app_id, table, column)
        found.update(ids.filter(pc.fill_null(matcher.has(kind, ids, effect=Effect.HIDE), fill_value=False)).to_pylist())
    return frozenset(found)


def _distinct(lake: Lake, app_id: str, table: str, column: str) -> pa.ChunkedArray:
    def files() -> list[StoredFile]:
        return sorted(lake.store.files(f"{table}/app_id={app_id}"), key=lambda file: file.path)

    return read_steadily(files, lambda found: _distinct_of(lake, [lake.store.url(file.path) for file in found], column))


def _distinct_of(lake: Lake, files: Sequence[str], column: str) -> pa.ChunkedArray:
    if not files:
        return pa.chunked_array([], pa.string())
    with connect_bounded(spill_folder(lake.private), memory_limit=MEMORY_LIMIT) as duck, corruption(files):
        lake.store.attach(duck)
        duck.read_parquet(list(files)).create_view("rows_of_app")
        query = f'select distinct "{column}" as id from rows_of_app where "{column}" is not null'
        table: pa.Table = duck.sql(query).to_arrow_table()
    return table["id"]
