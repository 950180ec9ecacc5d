"""SIGTERM as a wish to stop."""

from __future__ import annotations

import asyncio
import os
import signal
from concurrent.futures import ThreadPoolExecutor

from flows.given import Given, given, giving
from flows.stopping import stopping


def test_sigterm_sets_the_event_and_kills_nobody() -> None:
    """Inside the block SIGTERM only asks; afterwards it means what it meant before."""
    before = signal.getsignal(signal.SIGTERM)

    async def work() -> None:
        with stopping() as stop:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(stop.wait(), 10)

    asyncio.run(work())
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_flow_inside_a_flow_gets_the_same_event() -> None:
    """One signal stops the step that runs and the flow that would begin the next one."""

    async def work() -> None:
        with stopping() as outer, stopping() as inner:
            assert outer is inner is given().stop
        assert given().stop is None

    asyncio.run(work())


def test_the_callers_event_is_used_where_there_is_one() -> None:
    """A caller who handles signals is not disturbed, and still gets the summaries."""

    async def work() -> None:
        mine = Given(stop=asyncio.Event())
        before = signal.getsignal(signal.SIGTERM)
        with giving(mine), stopping() as stop:
            assert stop is mine.stop
            assert signal.getsignal(signal.SIGTERM) is before
            assert given().summaries is mine.summaries

    asyncio.run(work())


def test_outside_of_the_main_thread_signals_are_left_alone() -> None:
    """Python lets only the main thread handle signals; a flow in another one runs without."""

    async def work() -> bool:
        with stopping() as stop:
            return stop.is_set()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(asyncio.run, work()).result(10) is False
