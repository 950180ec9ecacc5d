"""Exporting apps to their end, several at once; each is a session (`session.py`), and tells how it went."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from pipeline.config import AppSettings, Settings
from pipeline.errors import SunlakeError
from pipeline.outcome import OnProgress, Summary
from pipeline.session import ExportSession
from pipeline.walk.runs import RunKind


async def export_apps(
    settings: Settings,
    apps: Sequence[AppSettings],
    *,
    kind: RunKind = "export",
    seeds: Sequence[str] = (),
    limit: int | None = None,
    on_progress: OnProgress | None = None,
    stop: asyncio.Event | None = None,
) -> list[Summary]:
    """Export several apps at once, each at its own pace; one that fails does not stop the others.

    Args:
        settings: the settings.
        apps: the apps to export.
        kind: "export", or "sweep" to look at everything again.
        seeds: seed sources beside those of the settings.
        limit: stop each app after so many conversations.
        on_progress: called every two seconds for each app.
        stop: when set, each app commits what it has and ends.
    """
    runs = (
        export_app(settings, app, kind=kind, seeds=seeds, limit=limit, on_progress=on_progress, stop=stop)
        for app in apps
    )
    summaries: list[Summary] = []
    for ended in await asyncio.gather(*runs, return_exceptions=True):
        if isinstance(ended, BaseException):
            raise ended
        summaries.append(ended)
    return summaries


async def export_app(
    settings: Settings,
    app: AppSettings,
    *,
    kind: RunKind = "export",
    seeds: Sequence[str] = (),
    limit: int | None = None,
    on_progress: OnProgress | None = None,
    stop: asyncio.Event | None = None,
) -> Summary:
    """Export one app; what goes wrong is told in the summary."""
    session = ExportSession(settings, app, kind=kind, seeds=seeds, on_progress=on_progress, stop=stop)
    with suppress(SunlakeError):  # the session keeps it for the summary
        async with session:
            await session.walk(limit=limit)
    return session.summary()
