"""The pace against a simulated server with a token bucket: minutes of traffic in a fraction of a second."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import pytest

from pipeline.api.pace import Pace

RetryAfter = Literal["seconds", "date", "absent"]


@dataclass
class Bucket:
    """A server's limit: `rate` calls per second, `capacity` at once."""

    rate: Callable[[float], float]
    capacity: float
    retry_after: RetryAfter
    tokens: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.capacity

    def take(self, now: float) -> bool:
        """Whether a call that arrives now is accepted."""
        self.tokens = min(self.capacity, self.tokens + (now - self.at) * self.rate(now))
        self.at = now
        accepted = self.tokens >= 1.0
        self.tokens -= accepted
        return accepted

    def pause(self, now: float) -> float | None:
        """What the server asks a refused caller to wait: whole seconds, as HTTP has it."""
        wait = min((1.0 - self.tokens) / self.rate(now), 1.0)
        if self.retry_after == "seconds":
            return float(max(1, math.ceil(wait)))
        return float(math.ceil(now + wait) - math.floor(now)) if self.retry_after == "date" else None


@dataclass
class Outcome:
    """What the server saw."""

    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    violations: int = 0

    def used(self, since: float, until: float, *, rate: float) -> float:
        """The share of the limit that was used in a span."""
        return sum(since <= at < until for at in self.accepted) / (rate * (until - since))

    def throttled(self, since: float, until: float) -> float:
        """The share of calls that were answered 429 in a span."""
        refused = sum(since <= at < until for at in self.refused)
        return refused / max(refused + sum(since <= at < until for at in self.accepted), 1)


def simulate(bucket: Bucket, *paces: Pace, seconds: float, latency: float, jitter: float = 0.0) -> Outcome:
    """Send as fast as each pace allows, for so long."""
    outcome = Outcome()
    order = itertools.count()
    chance = random.Random(7)
    in_flight = dict.fromkeys(range(len(paces)), 0)
    asked_to_wait = dict.fromkeys(range(len(paces)), 0.0)
    wakes = dict.fromkeys(range(len(paces)), 0.0)
    queue: list[tuple[float, int, str, int, float, float | None]] = [
        (0.0, next(order), "wake", who, 0.0, None) for who in in_flight
    ]
    while queue and queue[0][0] < seconds:
        now, _, kind, who, sent_at, pause = heapq.heappop(queue)
        pace = paces[who]
        if kind == "arrival":
            accepted = bucket.take(now)
            (outcome.accepted if accepted else outcome.refused).append(now)
            answer = "accepted" if accepted else "refused"
            asked = None if accepted else bucket.pause(now)
            heapq.heappush(queue, (now + latency / 2, next(order), answer, who, sent_at, asked))
            continue
        if kind == "wake":
            if wakes.get(who) != now:  # an earlier one was set since
                continue
            del wakes[who]
        else:
            in_flight[who] -= 1
            if kind == "accepted":
                pace.succeeded(sent_at, now)
            else:
                pace.throttled(sent_at, now, pause=pause, in_flight=in_flight[who] + 1)
                asked_to_wait[who] = max(asked_to_wait[who], now + (pause or 0.0))
        woken = kind == "wake"
        while in_flight[who] < pace.concurrency:
            wait = pace.wait(now)
            if wait > 0:
                if who not in wakes or now + wait < wakes[who]:
                    wakes[who] = now + wait + 1e-9
                    heapq.heappush(queue, (wakes[who], next(order), "wake", who, 0.0, None))
                break
            outcome.violations += now < asked_to_wait[who] - 1e-6
            pace.book(now, woken=woken)
            woken = False
            in_flight[who] += 1
            arrival = now + latency / 2 + chance.random() * jitter
            heapq.heappush(queue, (arrival, next(order), "arrival", who, now, None))
    return outcome


def new_pace(*, max_rate: float | None = None, max_concurrency: int = 256) -> Pace:
    """A pace as a limiter makes it."""
    return Pace(start_rate=10.0, max_rate=max_rate, max_concurrency=max_concurrency)


def constant(rate: float) -> Callable[[float], float]:
    """A limit that does not change."""
    return lambda _: rate


GRID = [
    *itertools.product((5.0, 20.0, 60.0), (1.0, 0.1, 1.0, 2.0), ("seconds", "date", "absent"), (0.001, 0.2)),
    *itertools.product((300.0,), (0.1, 2.0), ("seconds", "absent"), (0.02,)),
]


@pytest.mark.parametrize(("rate", "burst_seconds", "retry_after", "latency"), GRID)
def test_the_limit_is_used_and_hardly_exceeded(
    rate: float, burst_seconds: float, retry_after: RetryAfter, latency: float
) -> None:
    """After 1,000 calls, 95 % of a token bucket's rate is used, at most 5 % are refused, and no pause is broken."""
    bucket = Bucket(constant(rate), max(burst_seconds * rate, 1.0), retry_after)
    begin = max(1000 / rate, 100.0)
    outcome = simulate(bucket, new_pace(), seconds=begin + 160.0, latency=latency)
    assert outcome.used(begin, begin + 160.0, rate=rate) >= 0.95
    assert outcome.throttled(begin, begin + 160.0) <= 0.05
    assert outcome.violations == 0


@pytest.mark.parametrize(("rate", "burst_seconds"), [(20.0, 0.5), (60.0, 0.2), (60.0, 1.0), (200.0, 0.1)])
def test_a_shaky_network_changes_little(rate: float, burst_seconds: float) -> None:
    """Calls that overtake each other by some milliseconds cost nothing, if the bucket holds a few tokens."""
    outcome = simulate(
        Bucket(constant(rate), burst_seconds * rate, "seconds"), new_pace(), seconds=260.0, latency=0.03, jitter=0.01
    )
    assert outcome.used(100.0, 260.0, rate=rate) >= 0.95
    assert outcome.throttled(100.0, 260.0) <= 0.05


def test_without_429_nothing_but_concurrency_bounds_the_pace() -> None:
    """A server that does 2,000 calls a second is asked for them within two seconds."""
    outcome = simulate(Bucket(constant(1e6), 1e6, "absent"), new_pace(), seconds=3.0, latency=0.005)
    assert sum(2.0 <= at < 2.5 for at in outcome.accepted) >= 1000


def test_upper_bounds_are_kept() -> None:
    """A maximal rate and a maximal concurrency hold from the first second on."""
    by_rate = simulate(Bucket(constant(1e6), 1e6, "absent"), new_pace(max_rate=30.0), seconds=10.0, latency=0.005)
    assert len(by_rate.accepted) <= 301
    by_room = simulate(Bucket(constant(1e6), 1e6, "absent"), new_pace(max_concurrency=2), seconds=10.0, latency=0.1)
    assert 180 <= len(by_room.accepted) <= 200


@pytest.mark.parametrize(("retry_after", "until"), [("seconds", 70.0), ("absent", 10.0)])
def test_a_raised_limit_is_found(retry_after: RetryAfter, until: float) -> None:
    """When the limit is four times as high, the pace follows: after a minute if a 429 is dear, else within seconds."""
    bucket = Bucket(lambda now: 50.0 if now < 60.0 else 200.0, 50.0, retry_after)
    outcome = simulate(bucket, new_pace(), seconds=60.0 + until + 30.0, latency=0.02)
    assert outcome.used(60.0 + until, 60.0 + until + 30.0, rate=200.0) >= 0.9


@pytest.mark.parametrize("retry_after", ["seconds", "absent"])
def test_a_lowered_limit_is_obeyed(retry_after: RetryAfter) -> None:
    """When the limit falls to a quarter, few calls are refused, and the lower limit is used."""
    bucket = Bucket(lambda now: 200.0 if now < 60.0 else 50.0, 50.0, retry_after)
    outcome = simulate(bucket, new_pace(), seconds=160.0, latency=0.02)
    assert outcome.used(70.0, 160.0, rate=50.0) >= 0.9
    assert outcome.throttled(60.0, 160.0) <= 0.05


@pytest.mark.parametrize("retry_after", ["seconds", "absent"])
@pytest.mark.parametrize("begin", [0.0, 30.0])
def test_a_burst_of_refusals_is_forgotten(retry_after: RetryAfter, begin: float) -> None:
    """A server that refuses everything for a while is asked ever more rarely, and at the old pace soon after."""
    bucket = Bucket(lambda now: 1e-6 if begin <= now < begin + 5.0 else 100.0, 100.0, retry_after)
    if begin == 0.0:
        bucket.tokens = 0.0
    outcome = simulate(bucket, new_pace(), seconds=90.0, latency=0.02)
    assert sum(begin <= at < begin + 5.0 for at in outcome.refused) <= 60
    assert outcome.used(60.0, 90.0, rate=100.0) >= 0.9


def test_several_callers_share_a_limit() -> None:
    """Limiters that know nothing of each other use a shared limit together, and none of them starves."""
    bucket = Bucket(constant(100.0), 100.0, "seconds")
    paces = [new_pace() for _ in range(3)]
    outcome = simulate(bucket, *paces, seconds=260.0, latency=0.02)
    assert outcome.used(100.0, 260.0, rate=100.0) >= 0.95
    assert outcome.throttled(100.0, 260.0) <= 0.05
    assert min(pace.rate for pace in paces) >= 10.0
