"""How far a run is: a live line per app on a terminal, log events elsewhere."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.cli.frame import Frame

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from pipeline.outcome import OnProgress, Progress

LOG_EVERY_SECONDS = 10.0

log = logging.getLogger("pipeline.export")


@contextmanager
def shown_progress(frame: Frame) -> Iterator[OnProgress]:
    """Give a callback for `export_apps` that shows what it is told on stderr."""
    import sys

    if not sys.stderr.isatty() or frame.log_format == "json":
        yield _Logged()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[line]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Live(bar)


def rate_line(progress: Progress) -> str:
    """One line of figures: what was done, how fast, and what is known to wait."""
    counters, calls = progress.counters, progress.calls
    seconds = max(progress.seconds, 0.001)
    parts = [
        f"{counters.messages:,} messages",
        f"{counters.conversations:,} conversations",
        f"{counters.users:,} users",
        f"{calls.calls / seconds:,.0f} calls/s",
    ]
    if calls.throttled:
        parts.append(f"{calls.throttled:,} x 429")
    remaining = remaining_seconds(progress)
    waiting = progress.pending_users + progress.pending_conversations
    if waiting:
        parts.append(f"{waiting:,} known to wait")
    if remaining is not None:
        parts.append(f"{duration(remaining)} left for these")
    return ", ".join(parts)


def remaining_seconds(progress: Progress) -> float | None:
    """Seconds until what is known to wait is done at the pace so far; None while there is no pace."""
    done = progress.counters.users + progress.counters.conversations
    waiting = progress.pending_users + progress.pending_conversations
    if not done or not waiting:
        return None
    return waiting * progress.seconds / done


def duration(seconds: float) -> str:
    """Seconds in words short enough for a table: 42 s, 3 min 5 s, 2 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class _Live:
    """Updates a live display."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, progress: Progress) -> None:
        if progress.app_id not in self._tasks:
            self._tasks[progress.app_id] = self._bar.add_task(progress.app_id, total=None, line="")
        done = progress.counters.users + progress.counters.conversations
        total = done + progress.pending_users + progress.pending_conversations
        self._bar.update(self._tasks[progress.app_id], completed=done, total=total or None, line=rate_line(progress))


class _Logged:
    """Logs an event now and then."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._last.get(progress.app_id, 0.0) < LOG_EVERY_SECONDS:
            return
        self._last[progress.app_id] = now
        remaining = remaining_seconds(progress)
        fields = {
            "app_id": progress.app_id,
            "messages": progress.counters.messages,
            "conversations": progress.counters.conversations,
            "users": progress.counters.users,
            "calls": progress.calls.calls,
            "calls_per_second": round(progress.calls.calls / max(progress.seconds, 0.001), 1),
            "throttled": progress.calls.throttled,
            "pending_users": progress.pending_users,
            "pending_conversations": progress.pending_conversations,
            "remaining_seconds": None if remaining is None else round(remaining),
        }
        log.info("export.progress", extra=fields)
