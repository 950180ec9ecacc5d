"""What was computed from the lake: removed when people are erased, and built anew (gdpr.md, section 6, "DERIVED").

DuckDB keeps the bytes of deleted rows in its file, so models are never patched: the warehouse, the marts, the report
and what quarantine kept of damaged files go whole, and stay away until a build has succeeded.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pipeline.config import Settings
from pipeline.errors import LockedError
from pipeline.lake import storage
from pipeline.lake.layout import Lake
from pipeline.lake.local_store import PRIVATE
from pipeline.lake.lock import writer_lock
from pipeline.report.files import default_page
from pipeline.spill import remove_unused
from pipeline.warehouse.build import LOCK, build
from pipeline.warehouse.stored import warehouse_file

RETRY_SECONDS: Final = 0.25

# Folders of the lake's store that hold what was computed from it.
_STORED: Final = ("marts", f"{PRIVATE}/quarantine")


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed: the number of files, and what there was to be made again."""

    files: int
    had_warehouse: bool
    had_report: bool

    def then(self, later: Removed) -> Removed:
        """What was removed in two steps."""
        return Removed(
            self.files + later.files,
            had_warehouse=self.had_warehouse or later.had_warehouse,
            had_report=self.had_report or later.had_report,
        )


def remove_derived(lake: Lake, *, wait_seconds: float) -> Removed:
    """Remove all that a build or a report has written, and the quarantine.

    Args:
        lake: the lake.
        wait_seconds: how long to wait for a build that is running, lest it publish what it read before.

    Raises:
        LockedError: the build still runs.
        StorageError: a file can't be removed.
    """
    warehouse = warehouse_file(lake)
    places = derived_places(lake)
    with awaited_lock(lake, LOCK, what="erase", seconds=wait_seconds):
        found = Removed(
            files=sum(_count_files(place) for place in places),
            had_warehouse=warehouse.exists(),
            had_report=default_page(lake.place).exists(),
        )
        for place in places:
            if place.is_dir():
                storage.remove_tree(place)
            else:
                storage.unlink(place)
        with storage.storage_errors():
            # A query that runs keeps there what it has read; whoever proves that nothing is left waits for it.
            remove_unused(lake.private / "tmp")
        storage.sync_folder(lake.private)
        cleared = sum(lake.store.clear(LOCK, folder) for folder in _STORED)
    return replace(found, files=found.files + cleared)


def derived_places(lake: Lake) -> list[Path]:
    """What was computed from the lake into its private folder: files and folders, which are there or may be.

    Copies of the warehouse beside it are among them; marts and quarantine lie in the lake's store.
    """
    warehouse = warehouse_file(lake)
    return [
        warehouse,
        *sorted(path for path in warehouse.parent.glob("*.duckdb*") if path != warehouse),
        lake.private / "build",
        lake.private / "quarantine",
        default_page(lake.place).parent,
    ]


def in_derived(lake: Lake, path: str) -> bool:
    """Whether a scan's path of a hit, such as `lake/marts/...`, lies in what was computed from the lake."""
    label, _, rest = path.split("!", maxsplit=1)[0].partition("/")
    if label not in {"lake", "state", "bucket"}:
        return False
    names = {*_STORED, *(str(place.relative_to(lake.here)) for place in derived_places(lake))}
    return any(str(each) in names for each in (Path(rest), *Path(rest).parents))


def rebuild_derived(settings: Settings, *, with_report: bool) -> int:
    """Build the warehouse from what is left, and the report if there was one; returns how many models were built.

    Raises:
        LakeError, ModelError: nothing was published; `sunlake build` tries again.
    """
    summary = build(settings, full=True)
    if with_report:
        from pipeline.report.files import write_html  # noqa: PLC0415 - charts take a second to import
        from pipeline.report.report import make_report  # noqa: PLC0415 - as above

        write_html(make_report(settings.place), default_page(settings.place))
    return sum(model.outcome == "built" for model in summary.models)


@contextmanager
def awaited_lock(lake: Lake, name: str, *, what: str, seconds: float) -> Iterator[None]:
    """Hold the lock of an app or of the warehouse, waiting for whoever holds it.

    Raises:
        LockedError: it is still held after so many seconds; the message names the holder.
    """
    deadline = time.monotonic() + seconds
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(writer_lock(lake, name, what=what))
                break
            except LockedError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(RETRY_SECONDS)
        yield


def _count_files(place: Path) -> int:
    if place.is_dir():
        return sum(path.is_file() for path in place.rglob("*"))
    return int(place.exists())
