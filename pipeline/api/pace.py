"""How fast to call, learnt from the answers: a pure state machine over timestamps, with no clock and no waiting of its own.

It grows fast until the first 429. Then it brackets the server's limit: above is the pace at which the 429 came, below is what
was accepted between two 429s, pauses included, for in that time the server handed out no more than it refilled. It goes on in
between, approaches the upper end without reaching it, holds there for long, because a pause that the server orders is dear, and
then probes upward, slowly at first and ever faster.
"""

from __future__ import annotations

from collections import deque
from typing import Final

MIN_RATE: Final = 0.05
START_GAIN: Final = 3.0
"""Calls per second gained by a success until the first 429: the pace doubles in a quarter of a second."""

MARGIN: Final = 0.015
"""The plateau lies this share below the pace at which the last 429 came."""

APPROACH_CALLS: Final = 25
"""The gap to the plateau shrinks by 1/e in so many calls."""

HOLD_PER_PAUSE: Final = 30
"""Seconds of plateau for each second that a 429 costs."""

MIN_COST_SECONDS: Final = 0.2
MAX_HOLD_SECONDS: Final = 90.0
SLACK_SECONDS: Final = 0.01
SLACK_ABOVE_RATE: Final = 25.0


class Pace:
    """The pace of one credential, in calls per second.

    Args:
        start_rate: calls per second at the start.
        max_rate: upper bound, or None for none.
    """

    def __init__(self, *, start_rate: float, max_rate: float | None = None) -> None:
        self._max = max_rate if max_rate is not None else float("inf")
        self.rate = min(start_rate, self._max)
        self._next = 0.0
        self._ceiling: float | None = None
        self._hold_until = 0.0
        self._probing = 0.0
        self._last_success = 0.0
        self._sent: deque[float] = deque(maxlen=2048)
        self.accepted = 0
        self._limited_at: float | None = None
        self._shrunk_at = float("-inf")
        self._resumed_at = 0.0

    def wait(self, now: float) -> float:
        """Seconds until the next call may be sent; 0 or less if it may be sent now."""
        return self._next - now

    def book(self, now: float) -> None:
        """Note that a call is sent now."""
        slack = SLACK_SECONDS if self.rate > SLACK_ABOVE_RATE else 0.0
        self._next = max(self._next, now - slack) + 1.0 / self.rate

    def succeeded(self, sent_at: float, now: float) -> None:
        """Note that the server accepted a call."""
        self._sent.append(sent_at)
        self.accepted += 1
        elapsed, self._last_success = now - self._last_success, now
        if sent_at <= self._shrunk_at:
            return
        if self._ceiling is None:
            self.rate = min(self.rate + START_GAIN, self._max)
            return
        self.rate = min(self._grown(self._ceiling, now, elapsed), self._max)

    def _grown(self, ceiling: float, now: float, elapsed: float) -> float:
        if now < self._hold_until:
            plateau = ceiling * (1 - MARGIN)
            return self.rate + max(plateau - self.rate, 0.0) / APPROACH_CALLS
        self._probing += min(elapsed, 1.0)  # time without calls proves nothing
        rate = max(self.rate, ceiling * (1 - MARGIN + 0.003 * self._probing + (self._probing / 25) ** 3))
        if rate > ceiling * 1.5:
            self._ceiling = None
        return rate

    def opens_burst(self, sent_at: float) -> bool:
        """Whether a 429 to a call sent then is news: calls that were in flight at the last shrink belong to its burst."""
        return sent_at > self._shrunk_at

    def throttled(self, sent_at: float, now: float, *, pause: float) -> None:
        """Note the first 429 of a burst.

        Args:
            sent_at: when the call was sent.
            now: when the answer came.
            pause: seconds for which nothing will be sent.
        """
        accepted, self.accepted = self.accepted, 0
        if accepted or self._limited_at is None:
            self._shrink(sent_at, accepted=accepted)
            cost = max(pause, MIN_COST_SECONDS)
            self._hold_until = now + pause + min(cost * HOLD_PER_PAUSE, MAX_HOLD_SECONDS)
            self._probing = 0.0
        self._limited_at = sent_at
        self._shrunk_at = now
        self._resumed_at = now + pause

    def _shrink(self, sent_at: float, *, accepted: int) -> None:
        upper = min(self.rate, self._recent_rate(sent_at))
        lower = upper / 2
        if self._limited_at is not None:
            lower = min((accepted - 1) / max(sent_at - self._limited_at, 1e-3), upper)
            lower = max(lower, 0)
        previous = self._ceiling
        self._ceiling = upper
        if previous is not None and upper >= previous * 0.95:
            self._ceiling = max(upper, previous * 0.993)
        self.rate = max(min((lower + upper) / 2, self._ceiling * (1 - 2 * MARGIN)), MIN_RATE)

    def _recent_rate(self, until: float) -> float:
        """Accepted calls per second over the last second before a 429, or over the last 20 calls if that is longer."""
        since = max(self._resumed_at, 0.0)
        sent = [at for at in self._sent if since <= at <= until]
        if len(sent) < 10:
            return float("inf")
        second = [at for at in sent if at > until - 1.0]
        window = second if len(second) >= 20 else sent[-20:]
        return len(window) / max(until - window[0], 1e-3)
