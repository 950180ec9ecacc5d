"""Writes the copy of one person's data: redacted once into Parquet, from which JSON and the page are made.

Memory does not grow with the person's messages: rows are streamed from DuckDB, which sorts on the disk if it must, and
every member of the zip is written as it is made.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pipeline.lake.layout import Lake
from pipeline.lake.values import format_moment
from pipeline.privacy.access.archive import Archive, output_errors
from pipeline.privacy.access.ask import Upstream, ask_again
from pipeline.privacy.access.attachments import ATTACHMENTS, fetch_attachments
from pipeline.privacy.access.columns import schema_document
from pipeline.privacy.access.fresh import count_differences
from pipeline.privacy.access.links import Links
from pipeline.privacy.access.others import find_others
from pipeline.privacy.access.page import About, page_chunks
from pipeline.privacy.access.parts import json_chunks, read_parquet, write_parquet
from pipeline.privacy.access.redact import Redaction
from pipeline.privacy.access.scratch import scratch_folder
from pipeline.privacy.access.source import Row, open_source
from pipeline.privacy.access.told import Asked, Told
from pipeline.suppression.subjects import Subject
from pipeline.walk.ledger import Ledger
from pipeline.walk.runs import complete_as_of

TAG_LENGTH: Final = 16
# Memberships before messages: they say until when a conversation was seen.
_ORDER: Final = ("users", "clients", "devices", "conversations", "participants", "messages", "events")


@dataclass(frozen=True, slots=True)
class AccessExport:
    """A copy that is on the disk.

    Args:
        path: the zip; holds personal data, its name does not.
        sha256: of the zip.
        bytes: its size.
        counts: rows by table, and `withheld`, `people` and, if upstream was asked, `fresh_<table>`.
        asked: whether the copy is as fresh as upstream itself.
        lake_as_of: when the last complete export began, aware; None if there was none.
    """

    path: Path
    sha256: str
    bytes: int
    counts: Mapping[str, int] = field(default_factory=dict)
    asked: Asked = Asked.OFFLINE
    lake_as_of: datetime | None = None


def access_path(out: Path, tag: str) -> Path:
    """Where the copy for the subject with this tag stands in a folder.

    Raises:
        ValueError: the tag is none.
    """
    if not re.fullmatch(r"[0-9A-Za-z_-]{4,}", tag):
        raise ValueError("a subject's tag consists of letters and digits")
    return out / f"access-{tag[:TAG_LENGTH]}.zip"


async def write_access(
    lake: Lake,
    ledger: Ledger,
    subject: Subject,
    out: Path,
    *,
    controller: str,
    recipients: Sequence[str] = (),
    now: datetime,
    upstream: Upstream = Asked.OFFLINE,
) -> AccessExport:
    """Write the copy of one person's data (gdpr.md, section 9); an older copy of the same person is replaced at once.

    The same lake, ledger, subject, `now` and answers of upstream give the same bytes. Of a record the newest version is
    shown, be it the lake's or upstream's; what lies below a tombstone, or is no longer upstream, is there, marked in
    `copy_state`. What is told of other people is decided in `messages.py`.

    Args:
        lake: the lake.
        ledger: its ledger.
        subject: the person; its closure is resolved.
        out: the folder for the zip, created with mode 0700.
        controller: who is responsible for the data, as the page says it.
        recipients: who else was given data, as the page says it.
        now: when the copy is made, aware; what upstream tells counts as received then.
        upstream: who is asked again first; what it tells goes into the copy only, not into the lake.

    Raises:
        CorruptLakeError: a file of the lake can't be read.
        StorageError: the copy can't be written; nothing is left behind.
    """
    path = access_path(out, subject.tag)
    with output_errors(out), scratch_folder(lake) as folder:
        _make_private(out)
        told = await ask_again(upstream, subject, folder, at=now)
        tables = _write_tables(lake, ledger, _with_news(subject, told), told, folder)
        attached = await fetch_attachments(upstream, tables.links.found, folder)
        tables.add(ATTACHMENTS, attached.rows)
        about = About(
            controller=controller,
            recipients=recipients,
            made_at=now,
            as_of=tables.as_of,
            lake_as_of=complete_as_of(ledger, subject.app_id),
            told=told.with_failures(attached.failures),
            differences=tables.differences,
            counts=tables.counts,
            withheld=tables.withheld,
            people=tables.people,
        )
        archive = _write_archive(path, about, tables.files, attached.files)
    facts = {**tables.counts, "withheld": tables.withheld, "people": tables.people}
    facts |= {f"fresh_{name}": count for name, count in tables.differences.items()}
    return AccessExport(path, archive.sha256, archive.bytes, facts, about.told.asked, about.lake_as_of)


@dataclass(slots=True)
class _Tables:
    """The redacted tables on the disk, and what is said of them."""

    folder: Path
    files: dict[str, Path] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    links: Links = field(default_factory=Links)
    differences: Mapping[str, int] = field(default_factory=dict)
    as_of: datetime | None = None
    withheld: int = 0
    people: int = 0

    def add(self, name: str, rows: Iterable[Row]) -> None:
        self.files[name] = self.folder / f"{name}.parquet"
        self.counts[name] = write_parquet(name, rows, self.files[name])

    def watch(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Remember the latest moment at which any row was received."""
        for row in rows:
            received = row["exported_at"]
            if received is not None and (self.as_of is None or received > self.as_of):
                self.as_of = received
            yield row


def _write_tables(lake: Lake, ledger: Ledger, subject: Subject, told: Told, folder: Path) -> _Tables:
    tables = _Tables(folder)
    with open_source(lake, ledger, subject, folder=folder, told=told) as source:
        redaction = Redaction(find_others(source, subject), subject.group_conversation_ids)
        for name in _ORDER:
            tables.add(name, tables.links.watch(tables.watch(redaction.rows(source, name))))
        tables.differences = count_differences(source, told.files)
    tables.withheld, tables.people = redaction.withheld, redaction.others.people
    return tables


def _make_private(folder: Path) -> None:
    """Before anything is asked, since nothing can be written where this fails."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _with_news(subject: Subject, told: Told) -> Subject:
    """The subject with the ids and conversations that upstream told of; where others take part, it is a group."""
    groups = subject.group_conversation_ids | told.groups
    personal = (subject.personal_conversation_ids | told.chats) - groups
    users = subject.user_ids | told.aliases
    return replace(subject, user_ids=users, personal_conversation_ids=personal, group_conversation_ids=groups)


def _write_archive(path: Path, about: About, files: Mapping[str, Path], attached: Mapping[str, Path]) -> Archive:
    with Archive(path) as archive:
        archive.add("index.html", page_chunks(about, files))
        for name, file in files.items():
            archive.add(f"data/{name}.json", json_chunks(name, read_parquet(file)))
            archive.add_file(f"data/{name}.parquet", file)
        for name, file in sorted(attached.items()):
            archive.add_file(f"{ATTACHMENTS}/{name}", file)
        archive.add("schema.json", [json.dumps(schema_document(), indent=1).encode() + b"\n"])
        archive.finish(_manifest(about))
    return archive


def _manifest(about: About) -> dict[str, Any]:
    return {
        "format": 2,
        "controller": about.controller,
        "recipients": list(about.recipients),
        "made_at": format_moment(about.made_at),
        "as_of": about.as_of and format_moment(about.as_of),
        "lake_as_of": about.lake_as_of and format_moment(about.lake_as_of),
        "upstream": about.told.manifest() | {"new_or_changed": dict(about.differences)},
        "records": dict(about.counts),
        "withheld": about.withheld,
    }
