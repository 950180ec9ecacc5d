"""dlt's rest_api source into Parquet files, run by the interpreter of an environment that dlt has for itself.

`tuned` is what was found to help: fetches side by side, big buffers, no child tables, two processes that normalize.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from job import Job, Meter  # type: ignore[import-not-found] # beside this file: the project is not installed here

TUNING = {
    "EXTRACT__WORKERS": "16",
    "EXTRACT__MAX_PARALLEL_ITEMS": "64",
    "NORMALIZE__WORKERS": "2",
    "DATA_WRITER__BUFFER_MAX_ITEMS": "50000",
    "SOURCES__DATA_WRITER__FILE_MAX_ITEMS": "20000",  # without several files, one process normalizes everything
}


def main() -> None:
    """Do the job of the first argument."""
    job = Job(**json.loads(sys.argv[1]))
    os.environ.update(
        {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR", "DLT_DATA_DIR": f"{job.folder}/state"}
    )
    if job.tuned:
        os.environ.update(TUNING)
    import dlt  # it reads the settings above
    from dlt.destinations import filesystem

    meter = Meter()
    pipeline = dlt.pipeline(
        "bench", pipelines_dir=f"{job.folder}/pipelines", destination=filesystem(f"file://{job.folder}/lake")
    )
    pipeline.run(_source(job), loader_file_format="parquet")
    figures = meter.read()
    figures["messages"] = pipeline.last_trace.last_normalize_info.row_counts["messages"]
    figures["bytes"] = sum(file.stat().st_size for file in Path(job.folder, "lake").rglob("*.parquet"))
    print(json.dumps(figures))


def _source(job: Job) -> Any:
    import dlt
    from dlt.sources.rest_api import rest_api_source

    @dlt.resource(name="conversations")  # type: ignore[untyped-decorator,unused-ignore] # dlt is not installed beside mypy
    def conversations() -> Iterator[list[dict[str, str]]]:
        yield [{"id": conversation_id} for conversation_id in job.conversation_ids()]

    messages: dict[str, Any] = {
        "name": "messages",
        "endpoint": {
            "path": job.messages_path("{resources.conversations.id}").removeprefix("/"),
            "data_selector": "messages",
            "paginator": {"type": "cursor", "cursor_path": "meta.beforeCursor", "cursor_param": "page[before]"},
        },
        "include_from_parent": ["id"],
    }
    if job.tuned:
        messages["parallelized"] = True
    client = {
        "base_url": f"{job.base_url}/",
        "auth": {"type": "http_basic", "username": job.key_id, "password": job.secret},
    }
    config = {"client": client, "resources": [conversations(), messages]}
    return rest_api_source(config, max_table_nesting=0 if job.tuned else None)


if __name__ == "__main__":
    main()
