"""One limiter per credential: who may call, and when. First come, first served; adaptive; obedient to Retry-After."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol

from pipeline.api.pace import Pace

START_RATE = 10.0
MAX_CONCURRENCY = 64


class Clock(Protocol):
    """Time, for tests that can't wait for it."""

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The real time."""

    def now(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimiterSnapshot:
    """What a limiter counted so far, and where it stands.

    Args:
        calls: HTTP requests sent, retries included.
        throttled: answers with status 429.
        retries: requests that repeated a failed one.
        bytes: body bytes received, as they came over the wire.
        waiting_seconds: time that calls spent waiting for their turn, summed over calls.
        rate: the pace now, in calls per second.
        concurrency: how many calls may be in flight now.
        in_flight: how many are.
    """

    calls: int
    throttled: int
    retries: int
    bytes: int
    waiting_seconds: float
    rate: float
    concurrency: int
    in_flight: int


class Limiter:
    """Paces the calls of one credential. Not thread-safe: it belongs to one event loop.

    Args:
        start_rate: calls per second at the start.
        max_rate: upper bound on calls per second, or None for none.
        max_concurrency: upper bound on calls in flight.
        clock: the time.
    """

    def __init__(
        self,
        *,
        start_rate: float = START_RATE,
        max_rate: float | None = None,
        max_concurrency: int = MAX_CONCURRENCY,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._pace = Pace(start_rate=start_rate, max_rate=max_rate, max_concurrency=max_concurrency)
        self._turn = asyncio.Lock()  # first come, first served
        self._queued = 0
        self._room = asyncio.Event()
        self._in_flight = 0
        self._calls = 0
        self._throttled = 0
        self._retries = 0
        self._bytes = 0
        self._waiting = 0.0

    async def acquire(self) -> float:
        """Wait for the turn to send one request; returns the time of sending. Each needs one `release`."""
        now = self._clock.now()
        woken = False
        if self._queued or self._in_flight >= self._pace.concurrency or self._pace.wait(now) > 0:
            asked = now
            self._queued += 1
            try:
                async with self._turn:
                    now, woken = await self._wait()
            finally:
                self._queued -= 1
            self._waiting += now - asked
        self._pace.book(now, woken=woken)
        self._in_flight += 1
        self._calls += 1
        return now

    async def _wait(self) -> tuple[float, bool]:
        """Wait for room and for the pace; returns the time, and whether the pace was waited for last."""
        woken = False
        while True:
            while self._in_flight >= self._pace.concurrency:
                self._room.clear()
                await self._room.wait()
                woken = False
            now = self._clock.now()
            delay = self._pace.wait(now)
            if delay <= 0:
                return now, woken
            await self._clock.sleep(delay)
            woken = True

    def release(self) -> None:
        """Note that a request is over, whatever became of it."""
        self._in_flight -= 1
        self._room.set()

    def succeeded(self, sent_at: float) -> None:
        """Note that the server accepted the request that was sent then."""
        self._pace.succeeded(sent_at, self._clock.now())
        if self._in_flight < self._pace.concurrency:
            self._room.set()

    def throttled(self, sent_at: float, *, pause: float | None) -> None:
        """Note a 429, with the seconds that the server asked to wait, if it did."""
        self._throttled += 1
        self._pace.throttled(sent_at, self._clock.now(), pause=pause, in_flight=self._in_flight)

    def pause(self, seconds: float) -> None:
        """Send nothing for so long: the server asked for it."""
        self._pace.pause(self._clock.now() + seconds)

    def paused_for(self) -> float:
        """Seconds until the pause that the server asked for is over; 0 if there is none."""
        return max(self._pace.paused_until - self._clock.now(), 0.0)

    def retried(self) -> None:
        """Count a retry."""
        self._retries += 1

    def received(self, size: int) -> None:
        """Count bytes of a body."""
        self._bytes += size

    def snapshot(self) -> LimiterSnapshot:
        """Return the counters."""
        return LimiterSnapshot(
            calls=self._calls,
            throttled=self._throttled,
            retries=self._retries,
            bytes=self._bytes,
            waiting_seconds=self._waiting,
            rate=self._pace.rate,
            concurrency=self._pace.concurrency,
            in_flight=self._in_flight,
        )
