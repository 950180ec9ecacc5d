"""Runs `sunlake` in processes that die at a chosen point, deeds, suppressions and the work file included.

    python -m tests.integration.erase_driver

Each line on standard input is JSON: `arguments`, `environ`, `folder`. It is answered by the exit code. What the process
counts and when it dies is told by the environment, as to `export_driver`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pipeline.cli.erase_proof
import pipeline.privacy.apply
import pipeline.privacy.plan.confirm
import pipeline.privacy.plan.run  # noqa: F401 - imported to be there in every fork
from pipeline.cli.main import run
from pipeline.privacy.deeds import deeds
from pipeline.privacy.deeds.deeds import Deeds
from pipeline.privacy.requests import work_file
from pipeline.suppression import listing
from tests.integration import export_driver
from tests.integration.export_driver import Points


def main() -> None:
    """Fork a process for each line."""
    while line := sys.stdin.readline():
        request = json.loads(line)
        process = os.fork()
        if not process:
            _become(request)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


def _become(request: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(request["environ"])
    for number, name in ((1, "stdout"), (2, "stderr")):
        with (Path(request["folder"]) / name).open("w") as file:
            os.dup2(file.fileno(), number)
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    if "DRIVER_TRACE" in os.environ or "DRIVER_KILL_AT" in os.environ:
        _watch()
    code = run(request["arguments"])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _watch() -> None:
    points = Points()
    export_driver.watch_everything(points)
    Deeds.append = _watched("deed", Deeds.append, points)  # type: ignore[method-assign]  # on purpose
    for module, name in ((listing, "append"), (work_file, "_overwrite"), (work_file, "_write")):
        setattr(module, name, _watched(f"{module.__name__.split('.')[-1]}.{name}", getattr(module, name), points))
    deeds._write_all = _torn(deeds._write_all, points)


def _watched(name: str, operation: Callable[..., Any], points: Points) -> Callable[..., Any]:
    def watched(*arguments: Any, **named: Any) -> Any:
        points.passing(f"before {name}")
        result = operation(*arguments, **named)
        points.passing(f"after {name}")
        return result

    return watched


def _torn(write: Callable[[int, bytes], None], points: Points) -> Callable[[int, bytes], None]:
    """A write of a deed in two halves, so that a kill between them leaves a line unfinished."""

    def halves(descriptor: int, data: bytes) -> None:
        write(descriptor, data[: len(data) // 2])
        points.passing("within deed")
        write(descriptor, data[len(data) // 2 :])
        points.passing("before fsync of deed")

    return halves


if __name__ == "__main__":
    main()
