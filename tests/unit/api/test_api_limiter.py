from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from pipeline.api.limiter import Limiter


class QuickClock:
    """A clock that jumps: only the caller whose turn it is ever sleeps, so nobody else can be overtaken."""

    def __init__(self) -> None:
        self.time = 100.0
        self.slept: list[float] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def now(self) -> float:
        """The time."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Jump ahead."""
        self.slept.append(seconds)
        self.time += seconds
        self.meanwhile()
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> QuickClock:
    """A clock that starts at 100 seconds."""
    return QuickClock()


def test_calls_are_spaced_by_the_pace(clock: QuickClock) -> None:
    """The first call goes at once, the next ones at the maximal rate."""

    async def run() -> list[float]:
        limiter = Limiter(max_rate=4.0, clock=clock)
        return [await limiter.acquire() for _ in range(4)]

    assert asyncio.run(run()) == [100.0, 100.25, 100.5, 100.75]


def test_first_come_first_served(clock: QuickClock) -> None:
    """Callers get their turn in the order in which they asked."""
    served: list[int] = []

    async def caller(limiter: Limiter, number: int) -> None:
        await limiter.acquire()
        served.append(number)
        await asyncio.sleep(0)
        limiter.release()

    async def run() -> None:
        limiter = Limiter(max_rate=50.0, max_concurrency=2, clock=clock)
        async with asyncio.TaskGroup() as group:
            for number in range(40):
                group.create_task(caller(limiter, number))

    asyncio.run(run())
    assert served == list(range(40))


def test_a_pause_holds_for_all(clock: QuickClock) -> None:
    """While the server asked to wait, nobody is let through, and the time left is told."""

    async def run() -> None:
        limiter = Limiter(clock=clock)
        limiter.pause(7.0)
        limiter.pause(3.0)
        assert limiter.paused_for() == 7.0
        assert await limiter.acquire() == pytest.approx(107.0)
        assert limiter.paused_for() == 0.0

    asyncio.run(run())


def test_a_pause_holds_for_the_one_whose_turn_comes_next(clock: QuickClock) -> None:
    """A 429 that arrives while a caller waits for its slot delays that caller too."""

    async def run() -> float:
        limiter = Limiter(max_rate=1.0, clock=clock)
        sent_at = await limiter.acquire()

        def refused() -> None:
            clock.meanwhile = lambda: None
            limiter.throttled(sent_at, pause=5.0)
            limiter.release()

        clock.meanwhile = refused
        return await limiter.acquire()

    assert asyncio.run(run()) == pytest.approx(106.0)


def test_no_more_calls_in_flight_than_allowed(clock: QuickClock) -> None:
    """Beyond the maximal concurrency a caller waits until another is done; time alone does not help."""

    async def run() -> list[bool]:
        limiter = Limiter(start_rate=1e6, max_concurrency=2, clock=clock)
        await limiter.acquire()
        await limiter.acquire()
        third = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0.01)
        before = third.done()
        limiter.release()
        await third
        return [before, third.done()]

    assert asyncio.run(run()) == [False, True]


def test_who_gives_up_waiting_holds_up_nobody(clock: QuickClock) -> None:
    """A caller that is cancelled in the queue leaves it, wherever it stands."""

    async def run() -> int:
        limiter = Limiter(start_rate=1e6, max_concurrency=1, clock=clock)
        await limiter.acquire()
        callers = [asyncio.create_task(limiter.acquire()) for _ in range(3)]
        await asyncio.sleep(0)
        callers[0].cancel()
        callers[1].cancel()
        await asyncio.sleep(0)
        limiter.release()
        await callers[2]
        return limiter.snapshot().in_flight

    assert asyncio.run(run()) == 1


def test_everything_is_counted(clock: QuickClock) -> None:
    """The snapshot tells calls, 429s, retries, bytes and the time spent waiting."""

    async def run() -> None:
        limiter = Limiter(max_rate=2.0, clock=clock)
        for _ in range(3):
            sent_at = await limiter.acquire()
            limiter.succeeded(sent_at)
            limiter.received(100)
            limiter.release()
        sent_at = await limiter.acquire()
        limiter.throttled(sent_at, pause=None)
        limiter.retried()
        limiter.release()
        counted = limiter.snapshot()
        assert (counted.calls, counted.throttled, counted.retries, counted.bytes) == (4, 1, 1, 300)
        assert (counted.waiting_seconds, counted.in_flight) == (1.5, 0)
        assert counted.rate < 2.0

    asyncio.run(run())


def test_one_burst_shrinks_the_pace_once(clock: QuickClock) -> None:
    """429s to calls that were in flight when the first one came belong to its burst."""

    async def run() -> list[float]:
        limiter = Limiter(start_rate=1000.0, clock=clock)
        limiter.succeeded(await limiter.acquire())
        sent = [await limiter.acquire() for _ in range(6)]
        rates = []
        for sent_at in sent:
            limiter.throttled(sent_at, pause=1.0)
            limiter.release()
            rates.append(limiter.snapshot().rate)
        return rates

    rates = asyncio.run(run())
    assert rates[0] < 1000.0
    assert len(set(rates)) == 1
