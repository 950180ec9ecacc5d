"""Log lines on stderr, as text or JSON. A log call is an event's dotted name and its fields as `extra`.

The exceptions that libraries raise may quote personal data, so of an exception only its class and place are logged.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final, Literal

from pipeline.cli.failures import place_of

LogFormat = Literal["text", "json"]

OWN_LOGGERS: Final = ("pipeline", "flows")
NOISY_LOGGERS: Final = ("aiohttp", "asyncio", "fsspec", "httpcore", "httpx", "prefect", "sqlalchemy", "urllib3")

_handler = logging.StreamHandler()
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def setup_logging(log_format: LogFormat, *, verbose: bool) -> None:
    """Send all log lines to stderr; called again, it replaces what it set up before."""
    _handler.setStream(sys.stderr)
    _handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    root = logging.getLogger()
    root.addHandler(_handler)
    root.setLevel(logging.WARNING)
    for name in OWN_LOGGERS:
        logging.getLogger(name).setLevel(logging.DEBUG if verbose else logging.INFO)
    for name in NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


class TextFormatter(logging.Formatter):
    """`2026-03-01T10:00:00Z info commit.decided rows=3`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
        return f"{_moment(record)} {record.levelname.lower()} {record.getMessage()}{fields}"


class JsonFormatter(logging.Formatter):
    """`{"at": ..., "level": "info", "logger": ..., "event": "commit.decided", "rows": 3}`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        head = {
            "at": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        return json.dumps(head | _fields(record), default=str, ensure_ascii=False)


def _moment(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    if record.exc_info and record.exc_info[1] is not None:
        fields["exception"] = place_of(record.exc_info[1])
    return fields
