"""Seeds: the users and conversations that a walk starts from, since nothing in the API lists them all."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from typing import Final

from pipeline.errors import SeedsError
from pipeline.walk.seed_files import IDENTIFIERS, SeedRow, label_of, read_rows, unit_of

MAX_SHOWN_ROWS: Final = 10
MAX_EXTERNAL_ID: Final = 1024
MAX_BRAND_ID: Final = 24
MAX_EMAIL: Final = 320

_RECORD_ID = re.compile(r"[0-9a-f]{24}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class SeedKind(StrEnum):
    """What a seed's value is."""

    USER_ID = "user_id"
    EXTERNAL_ID = "external_id"
    EMAIL = "email"
    CONVERSATION_ID = "conversation_id"


@dataclass(frozen=True, slots=True)
class Seed:
    """One thing to start from. The value may be personal data and does not show in a repr."""

    app_id: str
    kind: SeedKind
    value: str = field(repr=False)
    brand_id: str | None = None


def read_seeds(source: str, *, app_ids: Sequence[str]) -> Iterator[Seed]:
    """The seeds of one source, lazily and in its order; one that is there twice is given twice.

    Args:
        source: a path (.csv, .jsonl, .ndjson, .parquet) or a SELECT for DuckDB; columns as in design.md, section 3.
        app_ids: the apps that a row may belong to; a row needs no app_id where there is only one.

    Raises:
        SeedsError: the source can't be read, or at the first wrong row.
    """
    for row in read_rows(source):
        seed = _seed(row, app_ids)
        if isinstance(seed, str):
            raise _wrong_rows(source, [f"{unit_of(source)} {row.number}: {seed}"], count=1)
        yield seed


def validate_seeds(source: str, *, app_ids: Sequence[str]) -> int:
    """Read all of a source before any call is made, and return how many seeds it holds.

    Raises:
        SeedsError: the source can't be read, is empty, or holds wrong rows; up to 10 of them are listed.
    """
    good = wrong = 0
    shown: list[str] = []
    for row in read_rows(source):
        seed = _seed(row, app_ids)
        if not isinstance(seed, str):
            good += 1
            continue
        wrong += 1
        if wrong <= MAX_SHOWN_ROWS:
            shown.append(f"{unit_of(source)} {row.number}: {seed}")
    if wrong:
        raise _wrong_rows(source, shown, count=wrong)
    if not good:
        raise SeedsError(f"{label_of(source)}: is empty; at least one seed is needed")
    return good


def alias_tag(salt: bytes, seed: Seed) -> str:
    """A stable, one-way tag of an external id or e-mail address, so that the ledger need not hold it.

    Args:
        salt: the ledger's own secret, 16 to 64 bytes; without it nobody can test whether an address is in the ledger.
        seed: the seed; e-mail addresses that differ only in case have one tag.
    """
    if not 16 <= len(salt) <= 64:
        raise ValueError("a salt has 16 to 64 bytes")
    if seed.kind not in {SeedKind.EXTERNAL_ID, SeedKind.EMAIL}:
        raise ValueError("only external ids and e-mail addresses have tags")
    value = seed.value.casefold() if seed.kind is SeedKind.EMAIL else seed.value
    # No part can hold a NUL, so no two seeds run together.
    text = "\0".join((seed.app_id, seed.kind, seed.brand_id or "", value))
    return blake2b(text.encode(), key=salt, digest_size=16).hexdigest()


def _seed(row: SeedRow, app_ids: Sequence[str]) -> Seed | str:
    """The seed of a row, or what is wrong with the row."""
    if row.problem:
        return row.problem
    values: dict[str, str] = {}
    for name, value in row.values.items():
        text = _text(value)
        if text is None:
            return f"{name} is no text"
        if text:
            values[name] = text
    given = [name for name in IDENTIFIERS if name in values]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        return f"exactly one of {', '.join(IDENTIFIERS)} is needed; found {found}"
    app_id = values.get("app_id") or (app_ids[0] if len(app_ids) == 1 else None)
    kind = SeedKind(given[0])
    problem = (
        _app_problem(app_id, app_ids) or _brand_problem(kind, values.get("brand_id")) or _problem(kind, values[kind])
    )
    return problem or Seed(app_id or "", kind, values[kind], values.get("brand_id"))


def _text(value: object) -> str | None:
    """A cell as text, empty for a null; databases and Parquet files often hold external ids as integers or UUIDs."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return str(value) if isinstance(value, int | uuid.UUID) and not isinstance(value, bool) else None


def _app_problem(app_id: str | None, app_ids: Sequence[str]) -> str | None:
    if app_id is None:
        return "app_id is needed, since several apps are configured"
    return None if app_id in app_ids else "app_id is not one of the configured apps"


def _brand_problem(kind: SeedKind, brand_id: str | None) -> str | None:
    if brand_id is None:
        return None
    if kind not in {SeedKind.EXTERNAL_ID, SeedKind.EMAIL}:
        return "brand_id belongs beside external_id or email only"
    return _blemish("brand_id", brand_id, limit=MAX_BRAND_ID)


def _problem(kind: SeedKind, value: str) -> str | None:
    return _CHECKS[kind](kind, value)


def _record_problem(kind: SeedKind, value: str) -> str | None:
    # It becomes a path segment and a cursor.
    if _RECORD_ID.fullmatch(value):
        return None
    return f"{kind} is not 24 hexadecimal digits in lower case ({len(value)} characters given)"


def _external_problem(kind: SeedKind, value: str) -> str | None:
    if value in {".", ".."}:
        return f"{kind} is a dot segment, which would address another thing"
    return _blemish(kind, value, limit=MAX_EXTERNAL_ID)


def _email_problem(kind: SeedKind, value: str) -> str | None:
    local, _, domain = value.partition("@")
    if not local or not domain or "@" in domain or value.split() != [value]:
        return f"{kind} is no address with one @ and no blanks ({len(value)} characters given)"
    return _blemish(kind, value, limit=MAX_EMAIL)


def _blemish(name: str, value: str, *, limit: int) -> str | None:
    if value != value.strip():
        return f"{name} begins or ends with a blank ({len(value)} characters given)"
    if _CONTROL.search(value):
        return f"{name} holds a control character ({len(value)} characters given)"
    if len(value) > limit:
        return f"{name} has {len(value)} characters where {limit} are allowed"
    return None


_CHECKS: Final[dict[SeedKind, Callable[[SeedKind, str], str | None]]] = {
    SeedKind.USER_ID: _record_problem,
    SeedKind.EXTERNAL_ID: _external_problem,
    SeedKind.EMAIL: _email_problem,
    SeedKind.CONVERSATION_ID: _record_problem,
}


def _wrong_rows(source: str, shown: Sequence[str], *, count: int) -> SeedsError:
    rows = "1 wrong row" if count == 1 else f"{count} wrong rows"
    more = f"; the first {len(shown)}" if count > len(shown) else ""
    return SeedsError("\n  ".join([f"{label_of(source)}: {rows}{more}:", *shown]))
