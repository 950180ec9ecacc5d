"""Seeds: the users and conversations that a walk starts from, since nothing in the API lists them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from typing import Final

from pipeline.errors import SeedsError
from pipeline.walk.given_rows import Form, GivenRow, label_of, read_rows, text_of, unit_of, wrong_rows
from pipeline.walk.identifiers import app_problem, brand_problem, email_problem, external_problem, record_problem

SEEDS: Final = Form(
    noun="a file of seeds",
    query_label="the seeds query",
    identifiers=("user_id", "external_id", "email", "conversation_id"),
    others=("app_id", "brand_id"),
    error=SeedsError,
)
MAX_SHOWN_ROWS: Final = 10


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
    with closing(read_rows(source, SEEDS)) as rows:
        for row in rows:
            seed = _seed(row, app_ids)
            if isinstance(seed, str):
                raise wrong_rows(source, SEEDS, [f"{unit_of(source)} {row.number}: {seed}"], count=1)
            yield seed


def validate_seeds(source: str, *, app_ids: Sequence[str]) -> int:
    """Read all of a source before any call is made, and return how many seeds it holds.

    Raises:
        SeedsError: the source can't be read, is empty, or holds wrong rows; up to 10 of them are listed.
    """
    good = wrong = 0
    shown: list[str] = []
    for row in read_rows(source, SEEDS):
        seed = _seed(row, app_ids)
        if not isinstance(seed, str):
            good += 1
            continue
        wrong += 1
        if wrong <= MAX_SHOWN_ROWS:
            shown.append(f"{unit_of(source)} {row.number}: {seed}")
    if wrong:
        raise wrong_rows(source, SEEDS, shown, count=wrong)
    if not good:
        raise SeedsError(f"{label_of(source, SEEDS)}: is empty; at least one seed is needed")
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


def _seed(row: GivenRow, app_ids: Sequence[str]) -> Seed | str:
    """The seed of a row, or what is wrong with the row."""
    if row.problem:
        return row.problem
    values: dict[str, str] = {}
    for name, value in row.values.items():
        text = text_of(value)
        if text is None:
            return f"{name} is no text"
        if text:
            values[name] = text
    given = [name for name in SEEDS.identifiers if name in values]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        return f"exactly one of {', '.join(SEEDS.identifiers)} is needed; found {found}"
    app_id = values.get("app_id") or (app_ids[0] if len(app_ids) == 1 else None)
    kind = SeedKind(given[0])
    problem = (
        app_problem(app_id, app_ids)
        or _brand_problem(kind, values.get("brand_id"))
        or _CHECKS[kind](kind, values[kind])
    )
    return problem or Seed(app_id or "", kind, values[kind], values.get("brand_id"))


def _brand_problem(kind: SeedKind, brand_id: str | None) -> str | None:
    if brand_id is None:
        return None
    if kind not in {SeedKind.EXTERNAL_ID, SeedKind.EMAIL}:
        return "brand_id belongs beside external_id or email only"
    return brand_problem(brand_id)


_CHECKS: Final[dict[SeedKind, Callable[[str, str], str | None]]] = {
    SeedKind.USER_ID: record_problem,
    SeedKind.EXTERNAL_ID: external_problem,
    SeedKind.EMAIL: email_problem,
    SeedKind.CONVERSATION_ID: record_problem,
}
