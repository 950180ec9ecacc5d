"""Prefect's variables: nothing is sent to its makers, little is logged, and it keeps its files in a folder of our own.

Whatever the user has set stays. Nothing here may import Prefect, which reads these variables while it is imported.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

from pipeline.config import prefect_home
from pipeline.errors import ConfigError

API_URL: Final = "PREFECT_API_URL"

DEFAULTS: Final = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    # What is logged during a run would otherwise be kept in Prefect's database.
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    # A server that is stopped logs tracebacks of the work that it had in hand.
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    # Without a server, each process starts one of its own for as long as it lives; a busy machine needs more than 20 s.
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
}


def prefect_environment(environ: MutableMapping[str, str] | None = None) -> None:
    """Set what the user has not set, for this process and its children, and make the folder for Prefect's files.

    Args:
        environ: the environment, for tests.

    Raises:
        ConfigError: the folder can't be made.
    """
    env = os.environ if environ is None else environ
    for name, value in DEFAULTS.items():
        env.setdefault(name, value)
    home = env.setdefault("PREFECT_HOME", str(prefect_home(env)))
    try:
        Path(home).expanduser().mkdir(parents=True, exist_ok=True)  # Prefect itself makes the last folder only
    except OSError as error:
        raise ConfigError(f"PREFECT_HOME {home} can't be created: {error.strerror}; set it to another folder") from None


def server_is_given() -> bool:
    """Whether the user has named a Prefect server."""
    return bool(os.environ.get(API_URL))
