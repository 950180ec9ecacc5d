"""Why something could not be read. A scan with anything unread has proven nothing about it, and fails."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why, in words for the report; the texts of foreign exceptions may quote values and are never shown."""

    MISSING = "it is not there"
    DENIED = "permission denied"
    FAILED = "reading failed"
    DAMAGED = "it is damaged, or of a version that is not known"
    LOCKED = "another process has it open for writing"
    ENCRYPTED = "it is encrypted"
    DEEP = "archives within archives, too deep"
    BOMB = "it expands beyond the limit"
    UNFINISHED = "an upload that was never finished, of which nobody can read the parts"
    MOVING = "it kept changing while it was read"


class UnreadableError(Exception):
    """A file, or a part of one, can't be read."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason
