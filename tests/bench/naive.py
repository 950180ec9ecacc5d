"""The script that anyone would write first: httpx one page after the other, one list of dicts, one Parquet file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq

from tests.bench.job import Figures, Job


def run(job: Job) -> Figures:
    """Export the messages."""
    rows: list[dict[str, Any]] = []
    with httpx.Client(base_url=job.base_url, auth=(job.key_id, job.secret), timeout=60) as client:
        for conversation_id in job.conversation_ids():
            cursor = None
            while True:
                parameters = {"page[before]": cursor} if cursor else {}
                answer = client.get(job.messages_path(conversation_id), params=parameters)
                page = answer.raise_for_status().json()
                rows += [{"conversation_id": conversation_id, **message} for message in page["messages"]]
                cursor = page["meta"].get("beforeCursor")
                if not cursor:
                    break
    names = {name for row in rows for name in row}
    rows[0] = {**dict.fromkeys(names), **rows[0]}  # from_pylist takes the columns from the first row
    file = Path(job.folder) / "messages.parquet"
    pq.write_table(pa.Table.from_pylist(rows), file)
    return {"messages": len(rows), "bytes": file.stat().st_size}
