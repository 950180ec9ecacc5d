"""Writes the copy of one person's data: redacted once into Parquet, from which JSON and the page are made.

Memory does not grow with the person's messages: rows are streamed from DuckDB, which sorts on the disk if it must, and
every member of the zip is written as it is made.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pipeline.lake.layout import Lake
from pipeline.lake.values import format_moment
from pipeline.privacy.access.archive import Archive, output_errors
from pipeline.privacy.access.columns import schema_document
from pipeline.privacy.access.fresh import count_differences
from pipeline.privacy.access.others import find_others
from pipeline.privacy.access.page import About, page_chunks
from pipeline.privacy.access.parts import json_chunks, read_parquet, write_parquet
from pipeline.privacy.access.redact import Redaction
from pipeline.privacy.access.scratch import scratch_folder
from pipeline.privacy.access.source import COPIED, Row, open_source
from pipeline.privacy.access.told import OFFLINE, Asked, Told
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


def write_access(
    lake: Lake,
    ledger: Ledger,
    subject: Subject,
    out: Path,
    *,
    controller: str,
    now: datetime,
    told: Told = OFFLINE,
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
        now: when the copy is made, aware.
        told: what upstream told when it was asked again; it goes into the copy only, not into the lake.

    Raises:
        CorruptLakeError: a file of the lake can't be read.
        StorageError: the copy can't be written; nothing is left behind.
    """
    path, subject = access_path(out, subject.tag), _with_talks(subject, told)
    with output_errors(out), scratch_folder(lake) as folder:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = {name: folder / f"{name}.parquet" for name in COPIED}
        with open_source(lake, ledger, subject, folder=folder, told=told) as source:
            redaction = Redaction(find_others(source, subject), subject.group_conversation_ids)
            newest = _Newest()
            counts = {
                name: write_parquet(name, newest.watch(redaction.rows(source, name)), files[name]) for name in _ORDER
            }
            differences = count_differences(source, told.files)
        about = About(
            controller=controller,
            made_at=now,
            as_of=newest.moment,
            lake_as_of=complete_as_of(ledger, subject.app_id),
            told=told,
            differences=differences,
            counts=counts,
            withheld=redaction.withheld,
            people=redaction.others.people,
        )
        archive = _write_archive(path, about, files)
    facts = {**counts, "withheld": redaction.withheld, "people": redaction.others.people}
    facts |= {f"fresh_{name}": count for name, count in differences.items()}
    return AccessExport(path, archive.sha256, archive.bytes, facts, told.asked, about.lake_as_of)


def _with_talks(subject: Subject, told: Told) -> Subject:
    """The subject with the conversations that upstream told of; where others take part now, they are others' too."""
    groups = subject.group_conversation_ids | told.groups
    personal = (subject.personal_conversation_ids | told.chats) - groups
    return replace(subject, personal_conversation_ids=personal, group_conversation_ids=groups)


def _write_archive(path: Path, about: About, files: Mapping[str, Path]) -> Archive:
    with Archive(path) as archive:
        archive.add("index.html", page_chunks(about, files))
        for name, file in files.items():
            archive.add(f"data/{name}.json", json_chunks(name, read_parquet(file)))
            archive.add_file(f"data/{name}.parquet", file)
        archive.add("schema.json", [json.dumps(schema_document(), indent=1).encode() + b"\n"])
        archive.finish(_manifest(about))
    return archive


def _manifest(about: About) -> dict[str, Any]:
    return {
        "format": 2,
        "controller": about.controller,
        "made_at": format_moment(about.made_at),
        "as_of": about.as_of and format_moment(about.as_of),
        "lake_as_of": about.lake_as_of and format_moment(about.lake_as_of),
        "upstream": about.told.manifest() | {"new_or_changed": dict(about.differences)},
        "records": dict(about.counts),
        "withheld": about.withheld,
    }


@dataclass(slots=True)
class _Newest:
    """Remembers the latest moment at which any row was received."""

    moment: datetime | None = None

    def watch(self, rows: Iterator[Row]) -> Iterator[Row]:
        for row in rows:
            received = row["exported_at"]
            if received is not None and (self.moment is None or received > self.moment):
                self.moment = received
            yield row
