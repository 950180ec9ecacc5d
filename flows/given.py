"""What a caller in the same process hands to a flow, and gets from it, past Prefect's database.

Prefect stores parameters and results; settings, callbacks and summaries are none of its business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from pipeline.config import Settings
from pipeline.outcome import OnProgress, Summary


@dataclass(slots=True)
class Given:
    """What a flow works with; by default the settings of the environment and the working folder.

    `summaries` is filled by an export.
    """

    settings: Settings | None = None
    on_progress: OnProgress | None = None
    stop: asyncio.Event | None = None
    summaries: list[Summary] = field(default_factory=list)


_given: ContextVar[Given] = ContextVar("given")


@contextmanager
def giving(given: Given) -> Iterator[Given]:
    """Let the flows that are called inside the block find this."""
    token = _given.set(given)
    try:
        yield given
    finally:
        _given.reset(token)


def given() -> Given:
    """What the caller has handed over."""
    return _given.get(Given())
