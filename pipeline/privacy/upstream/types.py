"""What an erasure upstream is told, and what it tells: policy, journal, steps, result. Identifiers are never shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol

from pipeline.errors import SunlakeError
from pipeline.suppression.subjects import NOTHING


class UpstreamStep(StrEnum):
    """The steps, in order; the numbers are those of gdpr.md, section 5."""

    ATTACH = "attach"  # 3
    GROUP_MESSAGES = "group_messages"  # 4
    QUOTES = "quotes"
    LEAVE = "leave"
    CONVERSATIONS = "conversations"  # 5
    DEFAULT_MESSAGES = "default_messages"
    PERSONAL_INFORMATION = "personal_information"  # 6
    USER = "user"  # 7
    VERIFY_UP = "verify_up"  # 8


class UpstreamStatus(StrEnum):
    """How far an erasure upstream has come."""

    DONE = "done"  # and seen to be done
    PENDING = "pending"  # asked for, but not visible yet, or more of the person came to light: run it again
    FAILED_RETRYABLE = "failed_retryable"  # the server did not answer well in time: run it again
    FATAL = "fatal"  # running it again won't help


class UpstreamReason(StrEnum):
    """Why it is not done."""

    NOT_VISIBLE = "not_visible"  # deletion takes its time
    DISCOVERED = "discovered"  # the person lives on under an id that is not in the closure
    UNAVAILABLE = "unavailable"
    APP_NOT_FOUND = "app_not_found"
    KEY_REFUSED = "key_refused"
    PROTOCOL = "protocol"
    REFUSED = "refused"
    CONTRADICTION = "contradiction"  # upstream says that an id is somebody else
    OTHERS_LOST = "others_lost"  # messages of others in a group conversation disappeared meanwhile


STOPS_BATCH = frozenset({UpstreamReason.APP_NOT_FOUND, UpstreamReason.KEY_REFUSED, UpstreamReason.PROTOCOL})
"""Reasons that hold for every subject of the app, so that the batch must stop (gdpr.md, section 5, "Answers")."""


class UpstreamStopError(SunlakeError):
    """The erasure of one subject can't go on; `reason` says why."""

    def __init__(self, message: str, *, reason: UpstreamReason) -> None:
        super().__init__(message)
        self.reason = reason


class Journal(Protocol):
    """Where steps are recorded, durably, before and after each destroying call. It is never given an identifier."""

    def begin(self, step: str, tag: str, **counts: int) -> None:
        """A call of a step is about to be sent."""

    def end(self, step: str, tag: str, status: str, **counts: int) -> None:
        """A call ended, with "pending" while its step goes on; or the step ended, with any other status."""

    def done(self, step: str, tag: str) -> bool:
        """Whether the last that is recorded of a step is that it ended with "done" or "already"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamPolicy:
    """How to erase.

    Args:
        quotes: whether messages of others that quote the subject are left alone, or deleted.
        quoting_message_ids: those messages; each is deleted only if upstream shows that it quotes the subject.
        also_erased: user ids of the batch's other subjects, whose messages are not counted among those that must stay.
        poll_seconds: how long to wait for a deleted user to disappear before it is called pending.
        first_poll_seconds, most_poll_seconds: the waits in between; they double.
        rounds: how often a call of unknown outcome is looked after and sent again.
    """

    quotes: Literal["report", "delete_quoting_message"] = "report"
    quoting_message_ids: frozenset[str] = field(default=NOTHING, repr=False)
    also_erased: frozenset[str] = field(default=NOTHING, repr=False)
    poll_seconds: float = 60.0
    first_poll_seconds: float = 0.5
    most_poll_seconds: float = 10.0
    rounds: int = 5


@dataclass(slots=True)
class Discovered:
    """What upstream knows of the subject and the closure does not; the caller adds it before the lake is rewritten.

    A conversation that the closure calls personal, but in which others take part, is among the group conversations.
    """

    user_ids: set[str] = field(default_factory=set, repr=False)
    participant_ids: set[str] = field(default_factory=set, repr=False)
    personal_conversation_ids: set[str] = field(default_factory=set, repr=False)
    default_conversation_ids: set[str] = field(default_factory=set, repr=False)
    group_conversation_ids: set[str] = field(default_factory=set, repr=False)
    message_ids: set[str] = field(default_factory=set, repr=False)
    media_urls: set[str] = field(default_factory=set, repr=False)

    def counts(self) -> dict[str, int]:
        """How much there is, by kind; what there is none of is left out."""
        found = {name: len(getattr(self, name)) for name in self.__slots__}
        return {name: count for name, count in found.items() if count}


@dataclass(slots=True)
class GroupCount:
    """Messages of a group conversation: those of others before and after, how many of them are lost; those deleted."""

    before: int
    after: int = 0
    lost: int = 0
    deleted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamResult:
    """The end of one subject's erasure upstream.

    Args:
        status, reason: how far it has come, and why no further.
        calls: destroying calls by status of the answer, retries included; "none" where there was no answer.
        reads: reading calls by the status of their last answer.
        counts: what was done, such as `messages_deleted`, `repeats`, `media_unreachable`.
        groups: per group conversation, in no particular order.
        discovered: what the caller does not know yet.
        cdn_until: until when removed uploads may still be in the vendor's cache, or None if none was removed.
    """

    status: UpstreamStatus
    reason: UpstreamReason | None = None
    calls: dict[str, int] = field(default_factory=dict)
    reads: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    groups: tuple[GroupCount, ...] = ()
    discovered: Discovered = field(default_factory=Discovered)
    cdn_until: datetime | None = None

    @property
    def stops_batch(self) -> bool:
        """Whether no other subject of the app should be tried."""
        return self.reason in STOPS_BATCH
