"""Masked people whose names stand in quotes or in events of others: these alone may have come back with a backup."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from pipeline.lake.layout import Lake
from pipeline.lake.steady import read_steadily
from pipeline.lake.store import StoredFile
from pipeline.lake.tables import TABLES
from pipeline.privacy.back.rows import app_files, asked
from pipeline.suppression.inside import clean_payload, clean_quote
from pipeline.suppression.matcher import Effect
from pipeline.suppression.registry import inside_of
from pipeline.suppression.subjects import Kind
from pipeline.suppression.suppressed import Suppressed

_CLEANERS: Final = {"quotes": clean_quote, "payload": clean_payload}
_TOKEN: Final = re.compile(r'"([^"\\]{1,128})"')


def masked_inside(lake: Lake, app_id: str, matcher: Suppressed) -> frozenset[str]:
    """The users who are named where the rule would leave their names out.

    Raises:
        CorruptLakeError: a file can't be read.
    """
    found = set[str]()
    for table in TABLES if matcher.any_of(Kind.USER, effect=Effect.MASK) else ():
        for column, inside in inside_of(table, "quotes", "payload"):
            query = f'select distinct "{column}" as text from rows_of_app where "{column}" is not null'

            def named(files: Sequence[StoredFile], query: str = query, inside: str = inside) -> set[str]:
                return {
                    user_id
                    for _, rows in asked(lake, files, [query])
                    for text in rows["text"].to_pylist()
                    for user_id in _named(text, inside, matcher)
                }

            found |= read_steadily(partial(app_files, lake, app_id, table), named)
    return frozenset(found)


def _named(text: str, inside: str, matcher: Suppressed) -> Iterator[str]:
    own = {token for token in _TOKEN.findall(text) if matcher.effect(Kind.USER, token) is Effect.MASK}
    raw = text.encode()
    try:
        is_named = bool(own) and _CLEANERS[inside](raw, matcher.effect_of) != raw
    except (ValueError, RecursionError):
        is_named = True  # what can't be looked into can't stay
    if is_named:
        yield from own
