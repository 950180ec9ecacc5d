"""The one retry policy: which failures pass by themselves, how long to wait for that, and when to give up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from pipeline.api.answer import http_date
from pipeline.errors import ProtocolError, UnavailableError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How stubborn a call is.

    Args:
        first_wait_seconds: upper end of the first random wait; it doubles with each try (full jitter).
        max_wait_seconds: where the doubling stops.
        max_unusable: how many unusable bodies in a row make a ProtocolError.
    """

    first_wait_seconds: float = 0.5
    max_wait_seconds: float = 30.0
    max_unusable: int = 5


class TransientFailure(Exception):  # noqa: N818 - it never leaves this package
    """One try failed in a way that may pass by itself.

    Args:
        what: what happened, free of identifiers.
        status: the HTTP status, if there was an answer.
        pause: seconds that the server asked to wait, if it did.
        unusable: an answer came, but its body can't be used.
    """

    def __init__(
        self, what: str, *, status: int | None = None, pause: float | None = None, unusable: bool = False
    ) -> None:
        super().__init__(what)
        self.what = what
        self.status = status
        self.pause = pause
        self.unusable = unusable


async def with_retries(
    attempt: Callable[[int], Awaitable[T]],
    *,
    route: str,
    policy: RetryPolicy,
    max_seconds: float,
    on_retry: Callable[[], None],
) -> T:
    """Run one call to its end; `attempt` is given the number of tries that failed before it.

    Raises:
        UnavailableError: the failures did not pass within `max_seconds`.
        ProtocolError: too many answers in a row could not be used.
    """
    deadline = time.monotonic() + max_seconds
    failures: list[TransientFailure] = []
    try:
        async with asyncio.timeout(max_seconds):
            try:
                return await attempt(0)
            except TransientFailure as failure:
                failures.append(failure)
            return await _again(attempt, failures, policy=policy, deadline=deadline, on_retry=on_retry)
    except (TransientFailure, TimeoutError):
        pass
    raise _defeat(failures, route=route, max_seconds=max_seconds)


async def _again(
    attempt: Callable[[int], Awaitable[T]],
    failures: list[TransientFailure],
    *,
    policy: RetryPolicy,
    deadline: float,
    on_retry: Callable[[], None],
) -> T:
    """Retry until an answer comes or the policy ends it; only a call that failed once pays for tenacity."""

    async def next_try() -> T:
        if retrying.statistics["attempt_number"] == 1:  # tenacity's first try is the one that failed already
            raise failures[0]
        on_retry()
        try:
            return await attempt(len(failures))
        except TransientFailure as failure:
            failures.append(failure)
            raise

    def hopeless(state: RetryCallState) -> bool:
        wait = max(failures[-1].pause or 0.0, state.upcoming_sleep)
        return _unusable_streak(failures) >= policy.max_unusable or time.monotonic() + wait >= deadline

    retrying = AsyncRetrying(
        retry=retry_if_exception_type(TransientFailure),
        wait=wait_random_exponential(multiplier=policy.first_wait_seconds, max=policy.max_wait_seconds),
        stop=hopeless,
        sleep=asyncio.sleep,
        reraise=True,
    )
    return await retrying(next_try)


def _unusable_streak(failures: list[TransientFailure]) -> int:
    usable = (age for age, failure in enumerate(reversed(failures)) if not failure.unusable)
    return next(usable, len(failures))


def _defeat(failures: list[TransientFailure], *, route: str, max_seconds: float) -> UnavailableError | ProtocolError:
    if not failures:
        message = (
            f"no answer within {max_seconds:.0f} s; check the network, or run again later, it goes on where it stopped"
        )
        return UnavailableError(message, route=route)
    last = failures[-1]
    if last.unusable:
        message = f"{last.what} (tried {len(failures)} times); check the base URL, then report it to Zendesk"
        return ProtocolError(message, route=route, status=last.status)
    asked = f" and the server asks to wait {last.pause:.0f} s" if last.pause else ""
    message = f"{last.what} (tried {len(failures)} times){asked}; run again later, it goes on where it stopped"
    return UnavailableError(message, route=route, status=last.status)


def retry_after(header: str | None, *, date: datetime | None) -> float | None:
    """Read Retry-After, in seconds or as an HTTP date, into seconds from now; None if missing or unreadable.

    A date is taken relative to the answer's own Date header, because the two clocks may differ.
    """
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        until = http_date(header)
        if until is None:
            return None
        seconds = (until - (date or datetime.now(UTC))).total_seconds()
    return seconds if 0 <= seconds < float("inf") else None
