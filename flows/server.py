"""A Prefect server of our own: on loopback only, with a password that nobody else knows, gone when this process is.

Whoever can write to a Prefect server decides what its runners execute, hence the password: other users of the machine
reach loopback, too.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from flows.environment import API_URL
from pipeline.errors import SunlakeError

STOP_SECONDS: Final = 10
_PASSWORD: Final = "PREFECT_API_AUTH_STRING"  # noqa: S105 - the name of a variable
_SERVER_PASSWORD: Final = "PREFECT_SERVER_API_AUTH_STRING"  # noqa: S105 - the name of a variable


@contextmanager
def embedded_server(*, services: bool) -> Iterator[str]:
    """Start a server and let this process and its children use it. Prefect must not have been imported yet.

    Args:
        services: also run what a server needs beyond keeping records, above all the scheduler.

    Raises:
        SunlakeError: it ended before it was ready.
    """
    password = f"sunlake:{secrets.token_urlsafe(32)}"
    own = {"PREFECT_UI_ENABLED": "false", _SERVER_PASSWORD: password}
    own |= {"PREFECT__SERVER_FINAL": "true"} | ({} if services else {"PREFECT__SERVER_EPHEMERAL": "true"})
    process = subprocess.Popen(
        # -P: a folder named `flows` where the user stands is none of ours.
        [sys.executable, "-P", "-m", "flows.server_process"],
        env=os.environ | own,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for us; the server is needed to record how runs ended
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise SunlakeError("Prefect's server ended before it was ready; what it wrote to standard error says why")
        os.environ[API_URL], os.environ[_PASSWORD] = url, password
        yield url
    finally:
        os.environ.pop(API_URL, None)
        os.environ.pop(_PASSWORD, None)
        _stop(process)


def _stop(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
