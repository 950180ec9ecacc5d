"""A bench for whole batches of erasure: keys, a home and a folder for temporary files of its own, and the command line.

Home and temporary folder are moved since the scan looks there, and must not meet what the test itself wrote.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline.lake.tables import TABLES
from pipeline.sandbox.process import Sandbox
from pipeline.suppression.keys import new_key_text
from tests.integration.erasure_town import write_requests
from tests.integration.export_bench import Bench
from tests.integration.lake_truth import data_files
from tests.integration.launcher import Ended


@dataclass
class EraseBench(Bench):
    """A lake with everything that erasing people needs.

    Args:
        keys: the two keys, as variables of the environment.
        said: all that commands have printed so far.
        privacy_settings: what stands under `[privacy]`, as TOML.
    """

    keys: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    privacy_settings: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.keys = self.keys or {"SUNLAKE_PRIVACY_KEY": new_key_text(), "SUNLAKE_DEEDS_KEY": new_key_text()}
        for place in (self.home, self.temporary):
            place.mkdir(parents=True, exist_ok=True)

    @property
    def home(self) -> Path:
        """Stands for the user's home."""
        return self.folder / "home"

    @property
    def temporary(self) -> Path:
        """Stands for the system's temporary folder."""
        return self.folder / "temporary"

    @property
    def privacy(self) -> Path:
        """Where erasure keeps what is its own."""
        return self.lake / "_sunlake" / "privacy"

    def environment(self) -> dict[str, str]:
        """What a process needs to know."""
        return super().environment() | self.keys | {"HOME": str(self.home), "TMPDIR": str(self.temporary)}

    def _toml(self) -> str:
        return super()._toml() + (f"[privacy]\n{self.privacy_settings}\n" if self.privacy_settings else "")

    def sunlake(self, *arguments: str, code: int = 0) -> Ended:
        """Run a command in a process of its own; fails unless it ends with the code."""
        ended = self.driven(*arguments)
        self.said += [ended.output, ended.errors]
        assert ended.code == code, ended
        return ended

    def requests(self, rows: Sequence[dict[str, str]]) -> Path:
        """The file of requests."""
        return write_requests(self.folder / "requests.csv", rows)

    def plan(self, rows: Sequence[dict[str, str]]) -> tuple[str, ...]:
        """Plan a batch; returns what `erase apply` has to be told."""
        return self.apply_of(self.plan_json(rows))

    def apply_of(self, plan: dict[str, Any]) -> tuple[str, ...]:
        """What `erase apply` has to be told for a plan."""
        return "erase", "apply", "--plan", plan["plan_id"], "--confirm", plan["confirmation"], "--wait", "20"

    def plan_json(self, rows: Sequence[dict[str, str]]) -> dict[str, Any]:
        """A plan."""
        plan: dict[str, Any] = json.loads(self.sunlake("erase", "plan", str(self.requests(rows)), "--json").output)
        return plan

    def erase(self, rows: Sequence[dict[str, str]]) -> Ended:
        """Plan a batch and carry it out to its end."""
        return self.sunlake(*self.plan(rows), "--remove-input")

    def deeds(self) -> list[dict[str, Any]]:
        """All deeds."""
        return [json.loads(line) for line in (self.privacy / "deeds.jsonl").read_bytes().splitlines()]

    def batches(self) -> list[Path]:
        """The folders of batches."""
        return sorted((self.privacy / "batches").iterdir())

    def copied_from(self, template: Path) -> None:
        """Begin with a copy of another lake."""
        shutil.rmtree(self.lake, ignore_errors=True)
        shutil.copytree(template, self.lake)


def decoded_rows(root: Path) -> Iterator[tuple[str, str, str]]:
    """Every row of every file of the lake's tables: the table, the file, and the row with its values as they are."""
    for file in data_files(root):
        path = file.relative_to(root)
        if path.parts[0] not in TABLES:
            continue  # a mart, which is built anew
        for row in pq.ParquetFile(file).read().to_pylist():
            yield path.parts[0], str(path), repr(row)


def file_bytes(root: Path) -> dict[str, bytes]:
    """The files of the lake's tables as they are."""
    files = {str(file.relative_to(root)): file for file in data_files(root)}
    return {path: file.read_bytes() for path, file in files.items() if path.split("/")[0] in TABLES}


def occurrences(folder: Path, needles: Sequence[str]) -> list[str]:
    """The files below a folder that hold a needle, raw."""
    wanted = [needle.encode() for needle in needles]
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(needle in path.read_bytes() for needle in wanted)
    ]


def upstream_messages(sandbox: Sandbox) -> dict[str, dict[str, Any]]:
    """The messages upstream by id, as they are now."""
    return {row["object"]["id"]: row for row in sandbox.world("messages")}
