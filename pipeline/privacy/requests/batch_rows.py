"""From one row as it was written to a request, or to what is wrong with the row."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, TypeVar

from pipeline.privacy.requests.request import HOLD_REASONS, Identifier, Reason, Request
from pipeline.suppression.subjects import Action
from pipeline.walk.given_rows import GivenRow, text_of
from pipeline.walk.identifiers import (
    app_problem,
    blemish,
    brand_problem,
    email_problem,
    external_problem,
    record_problem,
)

MAX_VERIFIED_BY: Final = 128
EARLIEST: Final = datetime(2018, 5, 25, tzinfo=UTC)  # the GDPR applies since then
CLOCK_SKEW: Final = timedelta(minutes=5)

_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/#-]{0,63}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?( ?(Z|[+-]\d{2}(:?\d{2})?))?")
_OFFSET = re.compile(r"(Z|[+-]\d{2}(:?\d{2})?)$")
_MAX_OFFSET = timedelta(hours=14)

Choice = TypeVar("Choice", bound=StrEnum)


class _WrongRowError(Exception):
    """What is wrong with a row; for use within this module only."""


def request_of(row: GivenRow, *, app_ids: Sequence[str], now: datetime) -> Request | str:
    """The request of a row, or what is wrong with the row, without its values."""
    if row.problem:
        return row.problem
    try:
        return _request(row, app_ids, now)
    except _WrongRowError as error:
        return str(error)


def _request(row: GivenRow, app_ids: Sequence[str], now: datetime) -> Request:
    cells = {name: value for name, value in row.values.items() if name != "received_at"}
    values = {name: text for name, value in cells.items() if (text := _text(name, value))}
    kind = _kind(values)
    app_id = values.get("app_id") or (app_ids[0] if len(app_ids) == 1 else None)
    action = _choice(Action, "action", values)
    reason = _choice(Reason, "reason_code", values)
    _refuse(
        app_problem(app_id, app_ids)
        or _CHECKS[kind](kind, values[kind])
        or _companions_problem(kind, values)
        or _reference_problem(values)
        or _verifier_problem(values)
        or _hold_problem(action, reason)
    )
    return Request(
        request_ref=values["request_ref"],
        app_id=app_id or "",
        kind=kind,
        value=values[kind],
        brand_id=values.get("brand_id"),
        integration_id=values.get("integration_id"),
        action=action,
        received_at=_received(row.values.get("received_at"), now),
        verified_by=values["verified_by"],
        reason=reason,
        line=row.number,
    )


def _refuse(problem: str | None) -> None:
    if problem:
        raise _WrongRowError(problem)


def _text(name: str, value: object) -> str:
    text = text_of(value)
    if text is None:
        raise _WrongRowError(f"{name} is no text")
    if text and not text.strip():
        raise _WrongRowError(f"{name} is blank")
    return text


def _kind(values: Mapping[str, str]) -> Identifier:
    given = [kind for kind in Identifier if kind in values]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        raise _WrongRowError(f"exactly one of {', '.join(Identifier)} is needed; found {found}")
    return given[0]


def _choice(choices: type[Choice], name: str, values: Mapping[str, str]) -> Choice:
    if name not in values:
        raise _WrongRowError(f"{name} is missing")
    try:
        return choices(values[name])
    except ValueError:
        known = ", ".join(choices)
        raise _WrongRowError(f"{name} is none of {known} ({len(values[name])} characters given)") from None


def _companions_problem(kind: Identifier, values: Mapping[str, str]) -> str | None:
    brand_id, integration_id = values.get("brand_id"), values.get("integration_id")
    if brand_id is not None:
        if kind not in {Identifier.EXTERNAL_ID, Identifier.EMAIL}:
            return "brand_id belongs beside external_id or email only"
        return brand_problem(brand_id)
    if (integration_id is not None) != (kind is Identifier.CLIENT_EXTERNAL_ID):
        return "integration_id and client_external_id belong together"
    return record_problem("integration_id", integration_id) if integration_id is not None else None


def _reference_problem(values: Mapping[str, str]) -> str | None:
    reference = values.get("request_ref")
    if reference is None:
        return "request_ref is missing"
    if not _REFERENCE.fullmatch(reference):
        return (
            f"request_ref is not 1 to 64 letters, digits and ._:/#- without blanks ({len(reference)} characters given)"
        )
    return None


def _verifier_problem(values: Mapping[str, str]) -> str | None:
    if "verified_by" not in values:
        return "verified_by is missing; a request is carried out only for a person whose identity was verified"
    return blemish("verified_by", values["verified_by"], limit=MAX_VERIFIED_BY)


def _hold_problem(action: Action, reason: Reason) -> str | None:
    if action is Action.HOLD and reason not in HOLD_REASONS:
        return f"a hold needs one of the grounds {', '.join(sorted(HOLD_REASONS))} as reason_code"
    return None


def _received(value: object, now: datetime) -> datetime:
    moment = value if isinstance(value, datetime) else _moment(value)
    offset = moment.utcoffset()
    if offset is None:
        raise _WrongRowError("received_at has no offset from UTC; write it as 2026-03-01T09:30:00+01:00")
    if abs(offset) > _MAX_OFFSET:
        raise _WrongRowError("received_at has an offset of more than 14 hours")
    try:
        received = moment.astimezone(UTC)
    except OverflowError:
        raise _WrongRowError("received_at is no moment in time") from None
    if received > now + CLOCK_SKEW:
        raise _WrongRowError("received_at lies in the future")
    if received < EARLIEST:
        raise _WrongRowError("received_at lies before 2018-05-25, when the GDPR began to apply")
    return received


def _moment(value: object) -> datetime:
    if value is None or value == "":
        raise _WrongRowError("received_at is missing")
    if not isinstance(value, str):
        raise _WrongRowError("received_at is no moment in time")
    if value != value.strip():
        raise _WrongRowError("received_at begins or ends with a blank")
    if not _MOMENT.fullmatch(value):
        raise _WrongRowError(f"received_at is not written as 2026-03-01T09:30:00+01:00 ({len(value)} characters given)")
    if not _OFFSET.search(value[10:]):
        raise _WrongRowError("received_at has no offset from UTC; write it as 2026-03-01T09:30:00+01:00")
    try:
        return datetime.fromisoformat(value.replace(" +", "+").replace(" Z", "Z"))
    except ValueError:
        raise _WrongRowError("received_at is no moment in time") from None


_CHECKS: Final[dict[Identifier, Callable[[str, str], str | None]]] = {
    Identifier.USER_ID: record_problem,
    Identifier.EXTERNAL_ID: external_problem,
    Identifier.EMAIL: email_problem,
    Identifier.CLIENT_EXTERNAL_ID: external_problem,
}
