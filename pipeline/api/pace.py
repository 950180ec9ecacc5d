"""How fast to call, learnt from the answers alone: a state machine over timestamps, with no clock of its own.

Slow start until the first 429; then a search for the server's limit between two bounds. Above: the pace at which a 429
came. Below: a pace that held, or what was accepted from one 429 to the next, pauses included, for a server with an
empty bucket hands out no more than it refills. When the bounds are close, the pace stays just above the lower one for
long, because each 429 costs the pause that the server orders, and then probes upward, slowly at first and ever faster.
"""

from __future__ import annotations

from collections import deque
from typing import Final

MIN_RATE: Final = 0.05
START_CONCURRENCY: Final = 8
START_GAIN: Final = 3.0
"""Calls per second won by each success in slow start: the pace doubles in a quarter of a second."""

CLOSE: Final = 0.04
"""The search ends when the bounds are this close, as a share of the upper one."""

TRIAL_WINDOWS: Final = 4.0
"""A pace counts as held after so many times the span that the last pace lasted, which drains the same bucket faster."""

MAX_TRIAL_SECONDS: Final = 10.0
MIN_TRIAL_CALLS: Final = 10

HOLD_PER_PAUSE: Final = 35.0
"""Seconds of plateau for each second of pause: what a 429 costs stays near 3 %, even if the bucket holds one token."""

HOLD_CALLS: Final = 80
HOLD_ROUND_TRIPS: Final = 20
MAX_HOLD_SECONDS: Final = 90.0
FRESH_HOLD_SECONDS: Final = 2.0
"""While there was but one burst of 429s, no hold is longer: the burst may have had nothing to do with the pace."""

PROBE_STEPS: Final = 10
"""A probing step lasts this part of the hold; each raises the pace twice as much as the one before, from 1 % on."""

FIRST_PROBE: Final = 0.01
FORGET_ABOVE: Final = 1.5
"""A pace this much above the last bound proves that the limit was raised: slow start begins anew."""

CATCH_UP_SECONDS: Final = 0.01
CATCH_UP_ABOVE_RATE: Final = 25.0
"""Timers wake up late by a millisecond, which matters only from this pace on; below it, spacing is kept strictly."""

FIRST_PAUSE_SECONDS: Final = 0.1
MAX_PAUSE_SECONDS: Final = 30.0


class Pace:
    """The pace of one credential.

    Args:
        start_rate: calls per second at the start.
        max_rate: upper bound on calls per second, or None for none.
        max_concurrency: upper bound on calls in flight.
    """

    def __init__(self, *, start_rate: float, max_rate: float | None, max_concurrency: int) -> None:
        self._max_rate = float("inf") if max_rate is None else max_rate
        self._max_concurrency = max_concurrency
        self.rate = min(start_rate, self._max_rate)
        self.concurrency = min(START_CONCURRENCY, max_concurrency)
        self.paused_until = float("-inf")
        self._next_at = float("-inf")
        self._sent: deque[float] = deque(maxlen=512)
        self._accepted = 0
        self._round_trip = 0.0
        self._fruitless = 0
        self._limited_at: float | None = None  # when the call was sent that opened the last burst of 429s
        self._shrunk_at = float("-inf")  # when its answer came
        self._upper: float | None = None  # None: slow start
        self._lower = 0.0
        self._proven = 0.0  # the highest pace that outlived a hold
        self._held = 0.0  # the last pace that outlived a probing step
        self._fresh = True  # no second burst since slow start
        self._searching = False
        self._gain = 0.0  # of the last probing step
        self._step_at = 0.0
        self._hold = 0.0
        self._window = 0.0
        self._resumed_at = 0.0

    def wait(self, now: float) -> float:
        """Seconds until the next call may be sent; 0 or less if it may be sent now."""
        return max(self._next_at, self.paused_until) - now

    def book(self, now: float, *, woken: bool) -> None:
        """Note that a call is sent now; `woken` says that a timer held it back, which may have been late."""
        late = CATCH_UP_SECONDS if woken and self.rate > CATCH_UP_ABOVE_RATE else 0.0
        self._next_at = max(self._next_at, self.paused_until, now - late) + 1.0 / self.rate

    def pause(self, until: float) -> None:
        """Send nothing before then."""
        self.paused_until = max(self.paused_until, until)

    def succeeded(self, sent_at: float, now: float) -> None:
        """Note that the server accepted the call that was sent then."""
        self._fruitless = 0
        self._accepted += 1
        self._sent.append(sent_at)
        self._round_trip += (now - sent_at - self._round_trip) / 16
        self.concurrency = min(self.concurrency + 1, self._max_concurrency)
        if sent_at <= self._shrunk_at:
            return
        if self._upper is None:
            self.rate += START_GAIN
        elif now >= self._step_at:
            self._rise(now, upper=self._upper)
        self.rate = min(self.rate, self._max_rate)

    def throttled(self, sent_at: float, now: float, *, pause: float | None, in_flight: int) -> None:
        """Note a 429, with the seconds that the server asked to wait, if it did.

        Calls that were already sent when a burst of 429s was first seen belong to it: the pace shrinks once per burst.
        """
        if pause is not None:
            self.pause(now + pause)
        if sent_at <= self._shrunk_at:
            return
        self.concurrency = max(in_flight * 3 // 4, 1)
        if self._accepted == 0:  # says nothing about the pace: all are refused
            if not pause:
                self.pause(now + min(FIRST_PAUSE_SECONDS * 2**self._fruitless, MAX_PAUSE_SECONDS))
            self._fruitless += 1
        else:
            self._shrink(sent_at, resumed_at=max(self.paused_until, now), now=now)
        self._limited_at = sent_at
        self._shrunk_at = now
        self._next_at = max(self._next_at, now)
        self._accepted = 0

    def _rise(self, now: float, *, upper: float) -> None:
        """The pace held for long enough: search on, or probe above the plateau."""
        if self._searching:
            self._lower = self.rate
            self._aim(now, upper=upper)
            return
        if self._gain == 0.0:
            self._proven = self._lower = self.rate
        self._held = self.rate
        self._gain = min(max(self._gain * 2, FIRST_PROBE), 1.0)
        self.rate *= 1 + self._gain
        self._step_at = now + self._hold / PROBE_STEPS
        if self.rate > upper * FORGET_ABOVE:
            self._upper = None

    def _shrink(self, sent_at: float, *, resumed_at: float, now: float) -> None:
        upper = max(min(self.rate, self._recent_rate(sent_at)), MIN_RATE)
        self._fresh = self._upper is None
        probing = not self._fresh and not self._searching and self._gain > 0.0
        if self._proven >= upper * 0.995:
            self._proven = 0.0
        if self._lower >= upper * 0.995:
            self._lower = 0.0
        self._lower = max(self._lower, self._proven, min(self._refill_rate(sent_at), upper * 0.995))
        self._upper = upper
        self._window = 0.5 if self._limited_at is None else sent_at - max(self._resumed_at, self._limited_at)
        self._resumed_at = resumed_at
        pause = resumed_at - now
        hold = max(pause * HOLD_PER_PAUSE, HOLD_CALLS / upper, self._round_trip * HOLD_ROUND_TRIPS)
        self._hold = min(hold, MAX_HOLD_SECONDS)
        if probing and self._lower == self._proven > upper * 0.85:
            self._settle(min(self._lower + (self._held - self._lower) * 0.7, upper * 0.99), resumed_at)
        else:
            self._aim(resumed_at, upper=upper)
        self.rate = max(self.rate, MIN_RATE)

    def _aim(self, now: float, *, upper: float) -> None:
        """Choose the next pace between the bounds."""
        gap = upper - self._lower
        if gap <= CLOSE * upper:
            self._settle(self._lower + 0.3 * gap, now)
            return
        self._searching = True
        self.rate = self._lower + gap / 2
        self._step_at = now + min(max(TRIAL_WINDOWS * self._window, MIN_TRIAL_CALLS / self.rate), MAX_TRIAL_SECONDS)

    def _settle(self, rate: float, now: float) -> None:
        self.rate = rate
        self._searching = False
        self._gain = 0.0
        if self._fresh:
            self._hold = min(self._hold, FRESH_HOLD_SECONDS)
        self._step_at = now + self._hold

    def _refill_rate(self, sent_at: float) -> float:
        """Calls per second that were accepted between the last two 429s, a lower bound of the server's limit."""
        if self._limited_at is None:
            return 0.0
        return (self._accepted - 1) / max(sent_at - self._limited_at, 1e-3)

    def _recent_rate(self, until: float) -> float:
        """Calls per second sent and accepted just before a 429; the pace may not have been reached."""
        sent = [at for at in self._sent if self._shrunk_at < at <= until]
        recent = [at for at in sent if at > until - 0.1]
        if len(recent) < 8:
            recent = sent[-8:]
        return 1.15 * len(recent) / max(until - recent[0], 1e-3) if len(recent) >= 8 else float("inf")
