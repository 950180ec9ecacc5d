"""What the answer to a destroying call means: "gone already" only if the API itself says so about the very object."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import httpx
import msgspec

from pipeline.api.deletions import DeletionRoute
from pipeline.api.verdict import claims_json, refusal
from pipeline.errors import BadRequestError, NotFoundError, ProtocolError

GONE_CODES: Final = frozenset({"user_not_found", "conversation_not_found", "client_not_found", "not_found"})
"""Codes of a 404 that speak of the object, not of the app (gdpr.md, section 5, "Answers")."""


class Outcome(StrEnum):
    """What became of a destroying call."""

    DONE = "done"  # 200
    GONE = "gone"  # a 404 about the object
    REFUSED = "refused"  # 400, as for default conversations and uploads elsewhere
    UNKNOWN = "unknown"  # no answer, or none that can be used: only another GET can tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The end of a destroying call; `status` is None where there was no answer."""

    outcome: Outcome
    status: int | None = None
    code: str | None = None


UNANSWERED: Final = Sent(outcome=Outcome.UNKNOWN)


def judge(route: DeletionRoute, status: int, *, headers: httpx.Headers, body: bytes) -> Sent:
    """Read the answer to a destroying call.

    Raises:
        NotFoundError: there is no such app. Nobody may take that for an erasure.
        ProtocolError: a 404 that does not come from the API or speaks of something unheard of, or a redirect.
        ApiError: the key was refused, or the request was for another reason than 400.
        TransientFailure: 429 or 5xx; repeating is harmless.
    """
    if 200 <= status < 300:
        is_usable = status == 200 and claims_json(headers) and _is_object(body)
        return Sent(outcome=Outcome.DONE if is_usable else Outcome.UNKNOWN, status=status)
    error = refusal(route, status, headers=headers, body=body)
    if isinstance(error, NotFoundError) and error.code != "app_not_found":
        if error.code not in GONE_CODES:
            raise ProtocolError("a 404 with an unknown code; report it to Zendesk", route=route.name, status=404)
        return Sent(outcome=Outcome.GONE, status=404, code=error.code)
    if isinstance(error, BadRequestError) and status == 400:
        return Sent(outcome=Outcome.REFUSED, status=400, code=error.code)
    raise error


def _is_object(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
