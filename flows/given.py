"""What a caller in the same process hands to a flow, and gets from it, past Prefect's database.

Prefect stores parameters and results; settings, callbacks and summaries are none of its business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config import Settings
from pipeline.outcome import OnProgress, Summary

if TYPE_CHECKING:
    from pipeline.warehouse.build import BuildSummary
    from pipeline.warehouse.header_checks import CheckResult
    from pipeline.warehouse.tally import OnModel


@dataclass(slots=True)
class Given:
    """What a flow works with; by default the settings of the environment and the working folder.

    `summaries` is filled by an export; `build`, `checks` and `page` by the flows build, check and report.
    """

    settings: Settings | None = None
    on_progress: OnProgress | None = None
    on_model: OnModel | None = None
    stop: asyncio.Event | None = None
    build: BuildSummary | None = None
    checks: list[CheckResult] = field(default_factory=list)
    page: Path | None = None
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
