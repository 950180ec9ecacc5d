"""What became of a request when its person was looked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

from pipeline.privacy.requests.request import Request
from pipeline.suppression.subjects import Action, Subject


class State(StrEnum):
    """How a person was found (gdpr.md, section 5)."""

    MATCHED = "matched"
    LAKE_ONLY = "lake_only"
    UPSTREAM_ONLY = "upstream_only"
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    HELD = "held"
    RETAINED_FLAG = "retained_flag"


REFUSED = frozenset({State.AMBIGUOUS, State.HELD, State.RETAINED_FLAG})
"""States in which nothing is done."""

DESTRUCTIVE = frozenset({Action.ERASE, Action.PII_ONLY})
"""Actions that a hold or the flag `toBeRetained` stops."""

OF_SOMEBODY = DESTRUCTIVE | {Action.ACCESS}
"""Actions that need somebody to be there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """One person of a batch.

    Args:
        requests: the rows that mean this person; several rows may.
        state: how they were found.
        subject: all that is known of them; None where it is ambiguous who they are.
        living_user_ids: which of the subject's users upstream showed, or, offline, may still show.
        linked: how many other users share an e-mail address or phone number and are not included.
        candidates: between how many people the request does not decide; 0 where it does.
    """

    requests: tuple[Request, ...]
    state: State
    subject: Subject | None
    living_user_ids: frozenset[str] = field(default=frozenset(), repr=False)
    linked: int = 0
    candidates: int = 0

    @property
    def is_admissible(self) -> bool:
        """Whether it belongs into the work of the batch, if only to be kept out of the lake."""
        return self.subject is not None and self.state not in REFUSED

    @property
    def is_acted_on(self) -> bool:
        """Whether apply has anything to do for it: not where nobody knows whom to erase."""
        return self.subject is not None and self.is_admissible and not self.subject.not_found


class Macs(Protocol):
    """The part of a keyring that plans need: MACs of identifiers."""

    @property
    def key_id(self) -> str:
        """The newest key."""

    @property
    def key_ids(self) -> tuple[str, ...]:
        """All keys, the newest first."""

    def mac(self, purpose: Literal["tag", "hold"], *parts: str, key_id: str | None = None) -> str:
        """The HMAC-SHA256 of the parts as hex digits."""
