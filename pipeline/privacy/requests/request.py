"""A request: what somebody asked for about one person, as a row of a batch says it (gdpr.md, section 5)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from pipeline.suppression.subjects import Action


class Identifier(StrEnum):
    """By what a request names its person."""

    USER_ID = "user_id"
    EXTERNAL_ID = "external_id"
    EMAIL = "email"
    CLIENT_EXTERNAL_ID = "client_external_id"


class Reason(StrEnum):
    """Why it is asked for, as codes without prose; the article of the GDPR is beside each."""

    REQUEST = "request"  # the person asked and gave no ground
    NOT_NEEDED = "not_needed"  # 17(1)(a)
    CONSENT_WITHDRAWN = "consent_withdrawn"  # 17(1)(b)
    OBJECTION = "objection"  # 17(1)(c), 21
    UNLAWFUL = "unlawful"  # 17(1)(d), 18(1)(b)
    LEGAL_OBLIGATION = "legal_obligation"  # 17(1)(e)
    CHILD = "child"  # 17(1)(f)
    ACCESS = "access"  # 15
    PORTABILITY = "portability"  # 20
    ACCURACY = "accuracy"  # 18(1)(a)
    LEGAL_DUTY = "legal_duty"  # 17(3)(b), a ground to keep
    LEGAL_CLAIMS = "legal_claims"  # 17(3)(e), a ground to keep
    PUBLIC_INTEREST = "public_interest"  # 17(3)(c) and (d), a ground to keep
    HOLD_ENDED = "hold_ended"


HOLD_REASONS: Final = frozenset({Reason.LEGAL_DUTY, Reason.LEGAL_CLAIMS, Reason.PUBLIC_INTEREST})
"""The grounds on which data may be held against an erasure."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a batch.

    Attributes:
        request_ref: the ticket or case it came in with; the only name that reports give it.
        app_id: the app.
        kind, value: the identifier.
        brand_id: the brand beside an external id or e-mail address, or None.
        integration_id: the integration beside a client's external id, or None.
        action: what is asked for.
        received_at: when it was received, in UTC; deadlines count from it.
        verified_by: who or what verified that the person is the person (Art. 12(6)).
        reason: why.
        line: where it stands in its source.
    """

    request_ref: str
    app_id: str
    kind: Identifier
    value: str
    action: Action
    received_at: datetime
    verified_by: str
    reason: Reason
    line: int
    brand_id: str | None = None
    integration_id: str | None = None

    def __repr__(self) -> str:
        return f"Request({self.action}, line {self.line})"
