"""One step of an erasure in a process of its own: `python -m tests.bench.erasure_job '<JSON>'`.

Prints one JSON line of figures. Seconds and CPU are those of the work, without the interpreter's start and imports.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipeline.lake.layout import open_lake
from pipeline.lake.tables import TABLES
from pipeline.privacy.rewrite.hit_files import data_files, find
from pipeline.privacy.rewrite.rewrite import rewrite_lake
from pipeline.privacy.scan.needles import needles_of
from pipeline.privacy.scan.report import Verdict
from pipeline.privacy.scan.roots import Root
from pipeline.privacy.scan.scan import scan
from pipeline.suppression.redact import WHOLE
from pipeline.suppression.subjects import Subject, decode_subjects
from pipeline.walk.ledger import open_ledger
from tests.bench.job import Figures, Meter
from tests.bench.warehouse_replicas import app_id

COPY_MEMORY = "2GB"


@dataclass(frozen=True)
class ErasureJob:
    """What to do: one of `WORK`, in the lake of a folder, for the subjects of a file."""

    does: str
    lake: str
    subjects: str


def main() -> None:
    """Do the job of the first argument."""
    job = ErasureJob(**json.loads(sys.argv[1]))
    subjects = decode_subjects(Path(job.subjects).read_bytes())
    meter = Meter()
    figures = WORK[job.does](Path(job.lake), subjects)
    print(json.dumps({**meter.read(), **figures}))


def _find(root: Path, subjects: list[Subject]) -> Figures:
    found = find(open_lake(root, create=False), app_id(0), subjects, policy=WHOLE)
    return {"files": sum(map(len, found.files.values()))}


def _rewrite(root: Path, subjects: list[Subject]) -> Figures:
    """Find, write, prove, rename and record."""
    lake = open_lake(root, create=False)
    ledger = open_ledger(lake.default_ledger_url)
    done = rewrite_lake(lake, ledger, app_id(0), subjects)
    ledger.close()
    return {"files": len(done), "rows": sum(outcome.removed for outcome in done)}


def _scan(root: Path, subjects: list[Subject]) -> Figures:
    """Look through the lake for every id, address, number and name, with the control before it."""
    lake = open_lake(root, create=False)
    report = scan([Root(label="lake", path=root)], needles_of(subjects), work=lake.private / "tmp")
    assert report.verdict in {Verdict.CLEAN, Verdict.RESIDUAL}, report.verdict
    return {"files": report.files, "hits": report.residual}


def _copy(root: Path, subjects: list[Subject]) -> Figures:
    """What anybody would do without all this: DuckDB copies every file of the app without those rows; unproven."""
    lake = open_lake(root, create=False)
    users = sorted({key for subject in subjects for key in subject.user_ids})
    talks = sorted({key for subject in subjects for key in subject.personal_conversation_ids})
    target = lake.private / "tmp" / "copy.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    count = rows = 0
    with duckdb.connect(config={"memory_limit": COPY_MEMORY, "threads": 2}) as duck:
        duck.execute("create table users as select unnest($1) as id", [users])
        duck.execute("create table talks as select unnest($1) as id", [talks])
        for table in TABLES.values():
            columns = {"users": ("user_id", "author_user_id"), "talks": ("conversation_id",)}
            gone = [
                f'("{column}" is not null and "{column}" in (from {ids}))'
                for ids, names in columns.items()
                for column in names
                if column in table.schema.names
            ]
            for path in data_files(lake, app_id(0), table):
                duck.read_parquet(str(lake.final(path))).create_view("old", replace=True)
                query = f"from old where not ({' or '.join(gone or ['false'])})"
                options = "format parquet, compression zstd, compression_level 3"
                ((written,),) = duck.execute(f"copy ({query}) to '{target}' ({options})").fetchall()
                count += 1
                rows += written
    target.unlink(missing_ok=True)
    return {"files": count, "kept": rows}


WORK: dict[str, Callable[[Path, list[Subject]], Figures]] = {
    "find": _find,
    "rewrite": _rewrite,
    "copy": _copy,
    "scan": _scan,
}


if __name__ == "__main__":
    main()
