"""The words that the ledger of deeds may hold: a closed vocabulary, so that no text of a person can get in."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final


class Event(StrEnum):
    """What a deed tells of."""

    PLAN = "plan"
    CONFIRM = "confirm"  # a plan was approved for execution
    APPROVE = "approve"  # by a second person
    ABORT = "abort"
    RESUME = "resume"  # a batch goes on after its process died
    BEGIN = "begin"  # a step is about to be done
    END = "end"  # a step was done, or failed; see the status
    REPEAT = "repeat"  # a step is done again, since its end was never recorded
    HOLD = "hold"
    RELEASE = "release"
    SUPPRESS = "suppress"
    UNSUPPRESS = "unsuppress"
    ACCESS = "access"
    EXPIRE = "expire"
    REPLAY = "replay"
    EXTEND = "extend"  # a deadline was extended
    WORK_DESTROYED = "work_destroyed"
    REPORT = "report"
    CLOSE = "close"
    TORN = "torn"  # an unfinished last line was moved to deeds.jsonl.torn


class Step(StrEnum):
    """A step of a batch (gdpr.md, section 5)."""

    HOLD = "hold"
    SUPPRESS = "suppress"
    ACCESS = "access"
    KNOWN_GOOD = "known_good"
    ATTACH = "attach"
    GROUP_MESSAGES = "group_messages"
    QUOTES = "quotes"
    LEAVE = "leave"
    CONVERSATIONS = "conversations"
    DEFAULT_MESSAGES = "default_messages"
    PERSONAL_INFORMATION = "personal_information"
    USER = "user"
    VERIFY_UP = "verify_up"
    LAKE = "lake"
    REWRITE = "rewrite"
    DERIVED = "derived"
    VERSIONS = "versions"  # of objects in a bucket, older than what readers see
    REBUILD = "rebuild"
    STATE = "state"
    FILES = "files"
    SCAN = "scan"
    REPORT = "report"
    CLOSE = "close"
    EXPIRE = "expire"
    REPLAY = "replay"


class Status(StrEnum):
    """How a step or a subject ended."""

    DONE = "done"
    ALREADY = "already"  # there was nothing left to do
    SKIPPED = "skipped"
    PENDING = "pending"
    UPSTREAM_PENDING = "upstream_pending"
    HELD = "held"
    FAILED_RETRYABLE = "failed_retryable"
    FAILED = "failed"
    FATAL = "fatal"
    REFUSED = "refused"
    COMPLETE = "complete"
    PARTIAL = "partial"
    ABORTED = "aborted"
    CLEAN = "clean"
    RESIDUAL = "residual"
    INCOMPLETE = "incomplete"
    VOID = "void"


FINISHED: Final = frozenset({Status.DONE, Status.ALREADY, Status.SKIPPED, Status.HELD, Status.COMPLETE, Status.CLEAN})
"""The statuses after which a step need not be done again."""

_BATCH: Final = re.compile(r"[be][0-9a-f]{19}")
_TAG: Final = re.compile(r"[0-9a-f]{16,64}")
_REF: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/#-]{0,63}")
_COUNT: Final = re.compile(r"[a-z][a-z_]{0,39}(_[1-5]\d\d)?")


def is_batch(value: str) -> bool:
    """Whether this is the id of a batch."""
    return _BATCH.fullmatch(value) is not None


def is_tag(value: str) -> bool:
    """Whether this is a keyed MAC or a digest in hexadecimal."""
    return _TAG.fullmatch(value) is not None


def is_request_ref(value: str) -> bool:
    """Whether this may be the opaque reference of a request; a batch refuses one that is somebody's identifier."""
    return _REF.fullmatch(value) is not None


def is_count_name(value: str) -> bool:
    """Whether this may name a count, such as "rows", or "calls_404"."""
    return _COUNT.fullmatch(value) is not None
