"""A Prefect server for the tests of the flows: one per session, since it takes ten seconds to start."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import prefect_home as prefect_home  # noqa: PLC0414 - imported for what it does, before the flows

# isort: split

from flows.environment import API_URL, prefect_environment

READY_SECONDS = 150


@dataclass(frozen=True)
class PrefectServer:
    """A server, as started by `prefect server start`, and its home."""

    url: str
    home: Path

    @property
    def environ(self) -> dict[str, str]:
        """What a process needs to use it."""
        return environment(self.home) | {API_URL: self.url}


def environment(home: Path) -> dict[str, str]:
    """Prefect's variables for a home of its own, and no server."""
    env = {"PREFECT_HOME": str(home), "PREFECT_LOGGING_LEVEL": "ERROR"}
    prefect_environment(env)
    return env


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A Prefect server with all its services."""
    home = tmp_path_factory.mktemp("prefect")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "prefect", "server", "start", "--no-ui", "--host=127.0.0.1", f"--port={port}"]
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(command, env=os.environ | environment(home), stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}/api"
        _wait_for(url, process)
        yield PrefectServer(url, home)
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def here(server: PrefectServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrefectServer]:
    """Let flows that run within this process use the server."""
    for name, value in server.environ.items():
        monkeypatch.setenv(name, value)
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

    # Prefect may have been imported, and have read its variables, before.
    with temporary_settings({PREFECT_API_URL: server.url, PREFECT_HOME: server.home}):
        yield server
    gc.collect()  # what Prefect left open should not be found by somebody else's test


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail("Prefect's server did not start")
