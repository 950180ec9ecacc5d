"""Starts `sunlake` many times a minute: a process that has imported everything forks one that runs the command line.

What is started is a process of its own with the real command line, only without the seconds that imports take: what a
command has imported, those after it find imported. A request is a line of JSON on standard input; it is answered by the
process id, and by the exit code once the process has ended.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PROJECT = Path(__file__).parents[2]
IMPORTED = "imported"
OURS = ("pipeline.", "tests.")


@dataclass(frozen=True)
class Ended:
    """A process that has ended; the code is negative if a signal ended it."""

    code: int
    output: str
    errors: str


class Launcher:
    """Runs the command line in processes forked off a warm one."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.communicate()

    def start(self, arguments: Sequence[str], *, environ: Mapping[str, str], folder: Path) -> int:
        """Start a command and return its process id; `ended` must be called next."""
        self._folder = folder
        request = {"arguments": list(arguments), "environ": dict(environ), "folder": str(folder)}
        return int(self._ask(json.dumps(request)))

    def ended(self) -> Ended:
        """Wait for the end of what was started last."""
        assert self._process is not None
        assert self._process.stdout is not None
        code = int(self._process.stdout.readline())
        return Ended(code, (self._folder / "stdout").read_text(), (self._folder / "stderr").read_text())

    def run(self, arguments: Sequence[str], *, environ: Mapping[str, str], folder: Path) -> Ended:
        """Run a command to its end."""
        self.start(arguments, environ=environ, folder=folder)
        return self.ended()

    def _ask(self, line: str) -> str:
        if self._process is None:
            command = [sys.executable, "-m", "tests.integration.launcher"]
            self._process = subprocess.Popen(
                command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


def main() -> None:
    """Import what a command needs, then fork a process for each request."""
    # A library that starts threads when it is imported would not survive the fork; none of these does.
    import pipeline.cli.export
    import pipeline.cli.summary
    import pipeline.export
    import pipeline.lake.compact
    import pipeline.lake.repair
    import pipeline.lake.s3.store  # noqa: F401 - imported to be there in every fork
    from tests.integration import export_driver

    while line := sys.stdin.readline():
        request = json.loads(line)
        gc.freeze()
        process = os.fork()
        if not process:
            _become(request, export_driver.main)
        print(process, flush=True)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        # The folder may be gone once the test knows the code.
        _import_what_was_imported(Path(request["folder"]))
        print(code, flush=True)
    os._exit(0)


def _import_what_was_imported(folder: Path) -> None:
    """Import our own modules that the last command wanted; one that was killed has not told of them."""
    told = folder / IMPORTED
    if told.exists():
        for name in json.loads(told.read_text()):
            importlib.import_module(name)
        told.unlink()


def _become(request: dict[str, Any], run: Any) -> None:
    os.environ.clear()
    os.environ.update(request["environ"])
    sys.argv = ["sunlake", *request["arguments"]]
    # The server's own standard input is shared, and must not be read here.
    for number, (name, mode) in enumerate([("stdin", "r"), ("stdout", "w"), ("stderr", "w")]):
        path = Path(os.devnull) if name == "stdin" else Path(request["folder"]) / name
        with path.open(mode) as file:
            os.dup2(file.fileno(), number)
    before = frozenset(sys.modules)
    try:
        run()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    _tell_what_was_imported(Path(request["folder"]), before)
    sys.stdout.flush()
    sys.stderr.flush()
    # To take apart all that was imported would take longer than many a command.
    os._exit(code)


def _tell_what_was_imported(folder: Path, before: frozenset[str]) -> None:
    ours = sorted(name for name in sys.modules.keys() - before if name.startswith(OURS))
    if ours and folder.exists():
        (folder / IMPORTED).write_text(json.dumps(ours))


if __name__ == "__main__":
    main()
