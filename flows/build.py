"""Building the warehouse and checking it, as flows. Prefect is told the names of models and checks, and counts.

DuckDB is imported when a flow runs: Prefect keeps flows to the end of the process, and what they hold of DuckDB would
then be reported as leaks.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.given import given
from flows.outcome import FAILED_IN_PART, PARTIAL, told
from pipeline.config import load_settings

if TYPE_CHECKING:
    from pipeline.warehouse.build import BuildSummary
    from pipeline.warehouse.header_checks import CheckResult


@flow(name="build", retries=0, persist_result=False, log_prints=False)
async def build() -> State[Any]:
    """Run the SQL models over the lake; what did not change since the last build is kept."""
    return await told(_build())


@flow(name="check", retries=0, persist_result=False, log_prints=False)
async def check() -> State[Any]:
    """Check the warehouse against what its models promise, and the lake against the ledger."""
    return await told(_check())


async def _build() -> State[Any]:
    from pipeline.warehouse.build import build as build_warehouse

    handed = given()
    settings = handed.settings or load_settings()
    summary = await asyncio.to_thread(build_warehouse, settings, on_model=handed.on_model)
    handed.build = summary
    return _state_of_build(summary)


def _state_of_build(summary: BuildSummary) -> State[Any]:
    scope = "all conversations" if summary.why_full else "conversations that changed or are open"
    message = f"{summary.conversations:,} conversations computed ({scope})"
    broken = [model.name for model in summary.models if model.outcome in {"failed", "skipped"}]
    if broken:
        # DuckDB's own words may quote values; the command line prints them.
        return Completed(name=PARTIAL, message=f"{message}; left out: {', '.join(broken)}; see `sunlake build`")
    return Completed(message=message)


async def _check() -> State[Any]:
    from pipeline.warehouse.checks import check as check_warehouse

    handed = given()
    results = await asyncio.to_thread(check_warehouse, handed.settings or load_settings())
    handed.checks = results
    return _state_of_checks(results)


def _state_of_checks(results: list[CheckResult]) -> State[Any]:
    failed = [result.name for result in results if not result.is_passed]
    if failed:
        # A warehouse that breaks a promise is still there: a nightly run goes on, and says so.
        message = f"{len(failed)} of {len(results)} checks failed: {', '.join(failed)}; see `sunlake check`"
        return Failed(name=FAILED_IN_PART, message=message)
    return Completed(message=f"{len(results)} checks passed")
