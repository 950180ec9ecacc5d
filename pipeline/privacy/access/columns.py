"""The columns of the copy: those of the lake with their descriptions, and what the copy adds to them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import pyarrow as pa

from pipeline.lake.schema import Kind
from pipeline.lake.tables import TABLES
from pipeline.privacy.access.attachments import ATTACHMENTS
from pipeline.privacy.access.source import COPIED

STATES: Final = (
    "current: it was there when last asked for; gone or deleted: no longer at the messaging service, but still in this "
    "copy; merged: taken over by another record of the same person; retention: deleted at the messaging service "
    "because of its age, still kept here"
)


@dataclass(frozen=True, slots=True)
class CopyColumn:
    """A column of a table of the copy."""

    name: str
    kind: Kind
    description: str


_STATE: Final = (
    CopyColumn("copy_state", Kind.STRING, STATES + "."),
    CopyColumn("copy_state_at", Kind.MOMENT, "When its absence was seen; null if it is current."),
)
_OF_MESSAGES: Final = (
    CopyColumn("author", Kind.STRING, "You, or a name made up for this copy: Person 1, Agent 1, Bot 1, System."),
    CopyColumn("withheld", Kind.STRINGS, "Columns that were emptied or cut to protect another person."),
)


_OF_ATTACHMENTS: Final = (
    CopyColumn("message_id", Kind.STRING, "Message that shows the file."),
    CopyColumn("conversation_id", Kind.STRING, "Conversation of that message."),
    CopyColumn("url", Kind.STRING, "Link to the file, without the keys and signatures that some links carry."),
    CopyColumn(
        "state",
        Kind.STRING,
        "included: the file is in this copy; elsewhere: it lies with somebody else, behind the link; gone: no longer "
        "at the messaging service; failed: it could not be fetched; not_asked: the messaging service was not asked.",
    ),
    CopyColumn("file", Kind.STRING, "Name of the file in this copy; manifest.json has its checksum."),
    CopyColumn("media_type", Kind.STRING, "Kind of file, as the messaging service says it."),
    CopyColumn("bytes", Kind.INT, "Size of the file."),
)


@cache
def copy_columns(name: str) -> tuple[CopyColumn, ...]:
    """The columns of one table of the copy, in order."""
    if name == ATTACHMENTS:
        return _OF_ATTACHMENTS
    own = [
        CopyColumn(column.name, column.kind, column.description)
        for column in TABLES[name].columns
        if column.name != "run_id"
    ]
    return (*own, *(_OF_MESSAGES if name == "messages" else ()), *_STATE)


@cache
def copy_schema(name: str) -> pa.Schema:
    """The Arrow schema of one table of the copy; each field carries its description."""
    return pa.schema(
        [
            pa.field(column.name, column.kind.arrow_type, metadata={"description": column.description})
            for column in copy_columns(name)
        ],
        metadata={"sunlake.table": name},
    )


def schema_document() -> dict[str, Any]:
    """What every file and field means, for people and machines."""
    tables = {
        name: {
            "files": [f"data/{name}.json", f"data/{name}.parquet"],
            "columns": {
                column.name: {"type": column.kind.value, "description": column.description}
                for column in copy_columns(name)
            },
        }
        for name in (*COPIED, ATTACHMENTS)
    }
    return {
        "format": 2,
        "json": "Each file is a list of objects. A field without a value is left out; columns of type json are "
        "embedded as they are. In Parquet they are texts.",
        "moments": "UTC, ISO 8601.",
        "links": "Keys and signatures in links to files (mediaUrl) are left out.",
        "tables": tables,
    }
