"""Writing the report, as a flow: the page where `sunlake report` puts it by default. See build.py on late imports."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.given import given
from flows.outcome import told
from pipeline.config import Settings, load_settings


@flow(name="report", retries=0, persist_result=False, log_prints=False)
async def report() -> State[Any]:
    """Write the report of the last 28 days."""
    return await told(_report())


async def _report() -> State[Any]:
    handed = given()
    handed.page = await asyncio.to_thread(_write, handed.settings or load_settings())
    return Completed(message=f"{handed.page.stat().st_size / 1e6:.1f} MB written")


def _write(settings: Settings) -> Path:
    from pipeline.report.files import default_page, write_html
    from pipeline.report.report import make_report

    page = default_page(settings.place)
    write_html(make_report(settings.place), page)
    return page
