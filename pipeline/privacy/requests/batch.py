"""Reads a batch of requests, all or nothing (gdpr.md, section 5).

A message names lines and columns and never a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from pipeline.errors import BatchError
from pipeline.privacy.requests.batch_rows import request_of
from pipeline.privacy.requests.request import Identifier, Request
from pipeline.walk.given_rows import Form, label_of, read_rows, unit_of, wrong_rows

MAX_REQUESTS: Final = 10_000
MAX_SHOWN_ROWS: Final = 20
REQUESTS: Final = Form(
    noun="a file of requests",
    query_label="the requests query",
    identifiers=tuple(Identifier),
    others=(
        *("app_id", "brand_id", "integration_id"),
        *("request_ref", "action", "received_at", "verified_by", "reason_code"),
    ),
    required=("request_ref", "action", "received_at", "verified_by", "reason_code"),
    error=BatchError,
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Requests that were read and found sound, in the order of their source."""

    requests: tuple[Request, ...]


def read_batch(
    source: str, *, app_ids: Sequence[str], max_requests: int = MAX_REQUESTS, now: datetime | None = None
) -> Batch:
    """Read all requests of a source; a query is run once, and its result is what counts from then on.

    Args:
        source: a path (.csv, .jsonl, .ndjson, .parquet) or a SELECT for DuckDB.
        app_ids: the apps that a request may be about; a row needs no app_id where there is only one.
        max_requests: the most rows.
        now: the current moment, aware; nothing can have been received after it.

    Raises:
        BatchError: the source can't be read, is empty or too long, or holds wrong rows; up to 20 of them are listed.
    """
    unit, moment = unit_of(source), now or datetime.now(UTC)
    requests: list[Request] = []
    problems: list[tuple[int, str]] = []
    with closing(read_rows(source, REQUESTS)) as rows:
        for row in rows:
            if len(requests) + len(problems) == max_requests:
                raise BatchError(f"{label_of(source, REQUESTS)}: more than {max_requests:,} rows; split it")
            made = request_of(row, app_ids=app_ids, now=moment)
            if isinstance(made, Request):
                requests.append(made)
            else:
                problems.append((row.number, made))
    problems += _contradictions(requests, unit)
    if problems:
        shown = [f"{unit} {number}: {problem}" for number, problem in sorted(problems)[:MAX_SHOWN_ROWS]]
        raise wrong_rows(source, REQUESTS, shown, count=len(problems))
    if not requests:
        raise BatchError(f"{label_of(source, REQUESTS)}: is empty; at least one request is needed")
    return Batch(tuple(requests))


def encode_requests(requests: Sequence[Request]) -> bytes:
    """Requests as canonical JSON, the same for the same batch in whatever form and order it came."""
    ordered = sorted(requests, key=lambda request: request.request_ref)
    return msgspec.json.encode([msgspec.structs.replace(request, line=0) for request in ordered], order="deterministic")


def decode_requests(data: bytes) -> list[Request]:
    """The requests of `encode_requests`, whose lines are lost.

    Raises:
        msgspec.DecodeError: the bytes are something else.
    """
    return msgspec.json.decode(data, type=list[Request])


def _contradictions(requests: Sequence[Request], unit: str) -> Iterator[tuple[int, str]]:
    """What is wrong between rows: a reference that is there twice, one person with two actions."""
    refs: dict[str, int] = {}
    people: dict[tuple[str | None, ...], Request] = {}
    values = {request.value.casefold() for request in requests}
    for request in requests:
        first = refs.setdefault(request.request_ref, request.line)
        if first != request.line:
            yield request.line, f"request_ref is that of {unit} {first} too; each request needs its own"
        if request.request_ref.casefold() in values:
            # Reports name requests by it.
            yield request.line, "request_ref is an identifier of a person; use the number of a ticket or case"
        other = people.setdefault(_person(request), request)
        if other.action != request.action:
            yield (
                request.line,
                f"asks for {request.action} where {unit} {other.line} asks for {other.action} of the same person",
            )


def _person(request: Request) -> tuple[str | None, ...]:
    value = request.value.casefold() if request.kind is Identifier.EMAIL else request.value
    return (request.app_id, request.kind, value, request.brand_id, request.integration_id)
