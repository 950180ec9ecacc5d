"""Starts sandboxes many times a minute: a process that has imported the server forks one for each that is wanted.

What is started is a process of its own with the real command line, only without the half second that imports take.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from functools import cache
from typing import IO, cast

import pipeline.sandbox.process

MOST_BYTES = 1 << 16


class Sandbox(pipeline.sandbox.process.Sandbox):
    """The sandbox that `pipeline.sandbox.process` describes, forked off a process that is warm."""

    def _launch(self) -> subprocess.Popen[str]:
        program = self._command.index("pipeline.sandbox")
        return cast("subprocess.Popen[str]", _server().start(self._command[program + 1 :]))


class Forked:
    """A process that the server has forked, to be used like a Popen."""

    def __init__(self, pid: int, stdin: int, stdout: int, alive: int) -> None:
        self.pid = pid
        self.stdin: IO[str] = os.fdopen(stdin, "w")
        self.stdout: IO[str] = os.fdopen(stdout)
        self._alive = alive

    def terminate(self) -> None:
        """End it at once: it has nothing to save, and looks only ten times a second whether it was asked to end."""
        os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it has ended: the last to hold the other end of this pipe is gone then."""
        if not select.select([self._alive], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("sandbox", timeout or 0)
        os.close(self._alive)


class _Server:
    """The process that forks."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            number = theirs.fileno()
            command = [sys.executable, "-m", "tests.forked", str(number)]
            self._process = subprocess.Popen(command, pass_fds=[number], stdin=subprocess.DEVNULL)
        atexit.register(self._end)

    def start(self, arguments: list[str]) -> Forked:
        """Fork a sandbox with these arguments."""
        (their_stdin, stdin), (stdout, their_stdout), (alive, their_alive) = os.pipe(), os.pipe(), os.pipe()
        given = [their_stdin, their_stdout, their_alive]
        socket.send_fds(self._socket, [json.dumps(arguments).encode()], given)
        for number in given:
            os.close(number)
        return Forked(int(self._socket.recv(MOST_BYTES)), stdin, stdout, alive)

    def _end(self) -> None:
        self._socket.close()
        self._process.wait()


@cache
def _server() -> _Server:
    return _Server()


def main() -> None:
    """Import the server, then fork a process for each request."""
    from pipeline.sandbox.__main__ import main as serve

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks here how they ended
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        while True:
            data, given, _, _ = socket.recv_fds(requests, MOST_BYTES, 3)
            if not data:
                return
            process = os.fork()
            if not process:
                requests.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.dup2(given[0], 0)
                os.dup2(given[1], 1)
                os.close(given[0])
                os.close(given[1])
                code = serve(json.loads(data))
                sys.stdout.flush()
                os._exit(code)
            for number in given:
                os.close(number)
            requests.send(str(process).encode())


if __name__ == "__main__":
    main()
