"""Records of processing (GDPR Art. 30), generated from the registry of personal fields, so that they stay true."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from pipeline.lake.tables import TABLES
from pipeline.privacy.report.markdown import escaped, table
from pipeline.privacy_settings import RetentionSettings


class ColumnTarget(Protocol):
    """What the registry says of a column."""

    @property
    def category(self) -> str:
        """D direct, L link or timing, F free text, S secret, - none."""


class TableTarget(Protocol):
    """What the registry says of a table."""

    @property
    def columns(self) -> Mapping[str, ColumnTarget]:
        """The columns by name."""

    @property
    def purpose(self) -> str:
        """Why the table is kept."""


CATEGORIES: Final = {
    "D": "identifies a person directly",
    "L": "links to a person, or tells when they acted",
    "F": "free text or content",
    "S": "a secret, never kept",
    "-": "not personal",
}

_RETENTION: Final = {
    "erased": "erased with the person",
    "tombstoned": "erased once the record is gone upstream",
    "kept": "until a request for erasure",
}


@dataclass(frozen=True, slots=True)
class Record:
    """One column that holds personal data."""

    table: str
    column: str
    description: str
    category: str
    purpose: str
    retention: str


def records_of(targets: Mapping[str, TableTarget], *, retention: Mapping[str, str]) -> list[Record]:
    """One record per column that is not free of personal data, in the order of the tables.

    Args:
        targets: the registry, by table.
        retention: per table "erased", "tombstoned" or "kept"; a table that is not named is kept.
    """
    return list(_records(targets, retention))


def retention_of(retention: RetentionSettings) -> dict[str, str]:
    """By table what becomes of rows whose object upstream no longer has: children go as their parents do."""
    return {
        **dict.fromkeys(("users", "clients", "devices"), retention.users),
        **dict.fromkeys(("conversations", "participants"), retention.conversations),
        "messages": retention.messages,
    }


def render_records(records: Sequence[Record], *, controller: str, recipients: Sequence[str]) -> str:
    """The records as Markdown."""
    lines = ["# Records of processing (GDPR Art. 30)", ""]
    lines += [f"Controller: {escaped(controller) or 'not named in the settings'}", ""]
    lines += ["Recipients: " + (", ".join(map(escaped, recipients)) or "none is named in the settings"), ""]
    lines += [f"- {letter}: {escaped(meaning)}" for letter, meaning in CATEGORIES.items()] + [""]
    rows = ((r.table, r.column, r.description, r.category, r.purpose, r.retention) for r in records)
    lines += table(("table", "column", "what it is", "category", "purpose", "retention"), rows)
    return "\n".join(lines) + "\n"


def _records(targets: Mapping[str, TableTarget], retention: Mapping[str, str]) -> Iterator[Record]:
    for name, target in targets.items():
        described = {column.name: column.description for column in TABLES[name].columns}
        kept = _RETENTION[retention.get(name, "kept")]
        for column, facts in target.columns.items():
            if facts.category != "-":
                yield Record(name, column, described[column], str(facts.category), target.purpose, kept)
