"""What upstream told of one person when it was asked once more, or why it was not asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pipeline.lake.values import format_moment

RUN_ID = "access"
"""Stands in the rows that were just read, where the lake's rows name the run that wrote them."""

Failure = tuple[str, str]
"""The table that was asked for, and the status of the answer; "none" where there was none."""


class Asked(StrEnum):
    """Whether a copy is as fresh as upstream itself."""

    COMPLETE = "complete"
    PARTIAL = "partial"  # some calls ended badly, so the copy shows the lake there
    OFFLINE = "offline"  # the operator chose not to ask
    NO_KEY = "no_key"  # the app's key is not given


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What upstream told of one person.

    Args:
        asked: how the asking ended, or why there was none.
        at: when it began, aware; None if upstream was not asked.
        files: the rows that were read, by table; they are in no lake.
        read: by table, the ids of which everything was read: users of users, clients and devices, else conversations.
            What the lake holds of them beyond that is gone upstream.
        groups: conversations in which others turned out to take part.
        chats: conversations that are the person's alone, as far as upstream lists them.
        aliases: ids of users who were merged into the person since the last export.
        failures: calls that ended badly.
    """

    asked: Asked
    at: datetime | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    read: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)
    groups: frozenset[str] = field(default=frozenset(), repr=False)
    chats: frozenset[str] = field(default=frozenset(), repr=False)
    aliases: frozenset[str] = field(default=frozenset(), repr=False)
    failures: Counter[Failure] = field(default_factory=Counter)

    def with_failures(self, failures: Counter[Failure]) -> Told:
        """The same, after further calls of which these ended badly."""
        if not failures:
            return self
        return replace(self, asked=Asked.PARTIAL, failures=self.failures + failures)

    def manifest(self) -> dict[str, Any]:
        """The same for machines, free of identifiers."""
        return {
            "state": str(self.asked),
            "asked_at": self.at and format_moment(self.at),
            "failures": [
                {"table": table, "status": status, "count": count}
                for (table, status), count in sorted(self.failures.items())
            ],
        }
