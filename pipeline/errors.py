"""Every error that sunlake raises on purpose.

SunlakeError                    exit code 1: failed
├── UsageError                  exit code 2: wrong use
│   ├── ConfigError             a setting is missing or wrong
│   │   └── PrivacyKeyError     a key of suppressions or of the ledger of deeds is missing, wrong or open to others
│   ├── SeedsError              a seeds file or row is wrong
│   ├── BatchError              a file of privacy requests, or a row of it, is wrong
│   └── PlanRefusedError        a plan of erasure is dead, unknown, or would reach too many people
├── ApiError                    Sunshine Conversations said no, or nothing usable
│   ├── AuthenticationError     401: the key is unknown, revoked or wrong
│   ├── ForbiddenError          403: the key lacks a scope
│   ├── NotFoundError           404: the thing is gone
│   ├── BadRequestError         400 and other 4xx that no retry mends
│   ├── UnavailableError        transport, 429 or 5xx until the retry budget was spent
│   └── ProtocolError           an answer that contradicts the specification
├── LakeError                   the lake can't be read or written
│   ├── LockedError             another process holds the lock
│   ├── LakeVersionError        written by a newer sunlake
│   ├── CorruptLakeError        a file is damaged or missing
│   ├── WorkFileError           a batch's sealed work file is gone, altered, or of another key
│   └── StorageError            disk full, read-only, no permission
├── LedgerError                 the ledger can't be read or written
├── QueryError                  a SQL query failed
└── ModelError                  a model's file is wrong, or its query failed
Interrupted                     exit code 3: stopped by a signal after the last commit

A message says what happened and what to do next. It never holds an identifier of a person, a key, or text of a
conversation.
"""

from __future__ import annotations


class SunlakeError(Exception):
    """Base of all errors that carry a message for the user."""

    exit_code = 1


class UsageError(SunlakeError):
    """The command was used wrongly; nothing was changed."""

    exit_code = 2


class ConfigError(UsageError):
    """A setting in sunlake.toml or the environment is missing or wrong."""


class PrivacyKeyError(ConfigError):
    """A key that suppressions or the ledger of deeds rest on is missing, wrong or open to others."""


class SeedsError(UsageError):
    """A seeds file is missing, unreadable or holds a wrong row."""


class BatchError(UsageError):
    """A file of privacy requests is missing, unreadable or holds a wrong row; nothing of it is taken."""


class PlanRefusedError(UsageError):
    """A plan of erasure is dead, unknown, or would reach too many people; nothing was erased."""


class ApiError(SunlakeError):
    """A call to Sunshine Conversations ended badly.

    Args:
        message: what happened and what to do next.
        route: the route template, such as "GET /v2/apps/{appId}"; never the ids in it.
        status: the HTTP status, or None where there was no answer.
        code: the `errors[0].code` of the answer, or None.
    """

    def __init__(self, message: str, *, route: str, status: int | None = None, code: str | None = None) -> None:
        super().__init__(f"{route}: {message}")
        self.route = route
        self.status = status
        self.code = code


class AuthenticationError(ApiError):
    """401: the key is unknown, revoked or its secret is wrong."""


class ForbiddenError(ApiError):
    """403: the key is valid, but lacks the scope that the route needs."""


class NotFoundError(ApiError):
    """404: the thing asked for is gone or never was."""


class BadRequestError(ApiError):
    """400 or another 4xx that repeating the call can't mend."""


class UnavailableError(ApiError):
    """Transport errors, 429 or 5xx until the retry budget of the call was spent."""


class ProtocolError(ApiError):
    """An answer that contradicts the specification: a missing cursor, a loop, a wrong envelope."""


class LakeError(SunlakeError):
    """The lake can't be read or written."""


class LockedError(LakeError):
    """Another process holds the lock of this app and lake."""


class LakeVersionError(LakeError):
    """The lake or its ledger was written by a newer sunlake."""


class CorruptLakeError(LakeError):
    """A file of the lake is damaged or missing."""


class WorkFileError(LakeError):
    """A batch's sealed work file is gone, was altered, or was sealed under another key."""


class StorageError(LakeError):
    """The storage refused: disk full, read-only, no permission."""


class LedgerError(SunlakeError):
    """The ledger can't be read or written."""


class QueryError(SunlakeError):
    """A SQL query failed."""


class ModelError(SunlakeError):
    """A model of `sql/` is wrong, or its query failed; the message names file, line and remedy."""


class Interrupted(SunlakeError):  # noqa: N818 - a stop asked for is no error of the program
    """The run was stopped by a signal; all that was committed stays, the rest is resumed by the next run."""

    exit_code = 3
