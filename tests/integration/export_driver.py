"""Runs `sunlake` in a process whose disk and ledger operations are counted, and which dies or fails at a chosen one.

    DRIVER_TRACE=FILE    append the name of every point passed, a line each
    DRIVER_KILL_AT=N     end this process by SIGKILL at the N-th point
    DRIVER_STOP_AT=NAME  stop this process by SIGSTOP at a point, until somebody continues it
    DRIVER_FAIL_FROM=N   refuse every operation from the N-th point on, as a dying disk does

NAME#N may stand in place of a number for the N-th point of a name. A point lies before and after each operation, and
in a transaction also right before it is committed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pipeline.cli.main import run
from pipeline.errors import StorageError
from pipeline.lake import storage
from pipeline.walk.ledger import Ledger

OPERATIONS = ("make_folder", "sync_file", "sync_folder", "rename", "unlink", "remove_tree", "write_atomic")
PUBLISHING = "before publishing"
"""All is staged, and the list of suppressions is not locked yet: nothing else is waited for."""

STOPPING_SECONDS = 0.3

BUCKET_OPERATIONS = ("put", "upload", "copy", "delete")


class Points:
    """Counts the points passed so far, in all threads."""

    def __init__(self) -> None:
        trace = os.environ.get("DRIVER_TRACE")
        self._trace = Path(trace).open("a") if trace else None  # noqa: SIM115 - open until the process dies
        self._kill_at = os.environ.get("DRIVER_KILL_AT", "")
        self._stop_at = os.environ.get("DRIVER_STOP_AT", "")
        self._fail_from = int(os.environ.get("DRIVER_FAIL_FROM", "0"))
        self._passed = 0
        self._by_name: Counter[str] = Counter()
        self._lock = threading.Lock()

    def passing(self, name: str) -> None:
        """Pass a point, or end here."""
        with self._lock:
            self._passed += 1
            self._by_name[name] += 1
            here = {str(self._passed), f"{name}#{self._by_name[name]}"}
            if self._trace is not None:
                print(name, file=self._trace, flush=True)
            if self._kill_at in here:
                os.kill(os.getpid(), signal.SIGKILL)
            if self._stop_at in here:
                os.kill(os.getpid(), signal.SIGSTOP)
                time.sleep(STOPPING_SECONDS)  # another thread may take the signal, and this one would go on a little
            if self._fail_from and self._passed >= self._fail_from:
                raise StorageError("the disk is dying")


def main() -> None:
    """Wrap every operation, then run the command line."""
    points = Points()
    if sys.argv[1:2] == ["erase"]:
        # Nothing else passes its points, and importing it takes a second.
        from tests.integration.erase_driver import StepPoints, watch_erasure

        points = StepPoints()
        watch_erasure(points)
    else:
        from pipeline import session

        # A slow machine would count more points than a fast one.
        session.BEAT_SECONDS = 86_400.0
    watch_everything(points)
    sys.exit(run(sys.argv[1:]))


def watch_everything(points: Points | None = None) -> None:
    """Let every operation on disk and ledger pass its points from now on."""
    points = points or Points()
    for name in OPERATIONS:
        setattr(storage, name, _watched(name, getattr(storage, name), points))
    if os.environ.get("SUNLAKE_LAKE", "").startswith("s3:"):
        from pipeline.lake.s3.bucket import Bucket

        for name in BUCKET_OPERATIONS:
            setattr(Bucket, name, _watched(f"bucket {name}", getattr(Bucket, name), points))
        from pipeline.lake.s3.versions import Versions

        Versions.delete = _watched("version delete", Versions.delete, points)  # type: ignore[method-assign]
    if os.environ.get("DRIVER_STOP_AT", "").startswith(PUBLISHING):
        from pipeline.suppression.gate import Gate

        Gate.publishing = _announced(Gate.publishing, points)  # type: ignore[method-assign]  # on purpose, see above
    Ledger.write = _watched_transaction(Ledger.write, points)  # type: ignore[method-assign]  # on purpose, see above


def _announced(publishing: Callable[..., Any], points: Points) -> Callable[..., Any]:
    def announced(*arguments: Any) -> Any:
        points.passing(PUBLISHING)
        return publishing(*arguments)

    return announced


def _watched(name: str, operation: Callable[..., Any], points: Points) -> Callable[..., Any]:
    def watched(*arguments: Any, **options: Any) -> Any:
        points.passing(f"before {name}")
        result = operation(*arguments, **options)
        points.passing(f"after {name}")
        return result

    return watched


def _watched_transaction(write: Callable[..., Any], points: Points) -> Callable[..., Any]:
    @contextmanager
    def watched(ledger: Ledger) -> Iterator[sa.Connection]:
        points.passing("before transaction")
        with write(ledger) as connection:
            yield connection
            points.passing("before its commit")
        points.passing("after transaction")

    return watched


if __name__ == "__main__":
    main()
