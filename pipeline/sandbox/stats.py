"""What the server saw: calls by route, answers by status, repeated calls, how many at once and how many a second."""

from __future__ import annotations

import time
from collections import Counter, deque
from typing import Any

MOST_REPEATED_SHOWN = 100
MOST_DESTROYING_KEPT = 100_000
SECONDS_KEPT = 600


class Stats:
    """Counters since the start or the last reset; what is under way is never reset."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.log: deque[dict[str, Any]] = deque(maxlen=0)
        self.destroying: deque[dict[str, Any]] = deque(maxlen=MOST_DESTROYING_KEPT)
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self._started = time.monotonic()
        self._calls: Counter[str] = Counter()
        self._answered: Counter[str] = Counter()
        self._statuses: Counter[int] = Counter()
        self._seen: set[int] = set()
        self._repeated: Counter[str] = Counter()
        self._seconds: Counter[int] = Counter()
        self._most_in_flight = self.in_flight
        self._bytes = 0
        self.log.clear()
        self.destroying.clear()

    def keep_log(self, cap: int) -> None:
        """Remember the last `cap` calls; 0 turns the log off."""
        self.log = deque(self.log, maxlen=cap)

    def arrived(self) -> None:
        """A call came in."""
        self.in_flight += 1
        self._most_in_flight = max(self._most_in_flight, self.in_flight)

    def left(self) -> None:
        """A call was answered or dropped."""
        self.in_flight -= 1

    def count(self, *, route: str, target: str, status: int, size: int, is_true: bool) -> None:
        """Count a call.

        Args:
            route: method and path template.
            target: method, path and query as they were sent.
            status: what was answered; 0 for nothing.
            size: bytes of the body.
            is_true: the answer was the API's own, sent whole; only then the same call once more counts as repeated.
        """
        self._calls[route] += 1
        self._statuses[status] += 1
        self._bytes += size
        if is_true:
            self._answered[route] += 1
            second = int(time.monotonic() - self._started)
            self._seconds[second] += 1
            if len(self._seconds) > SECONDS_KEPT:
                del self._seconds[next(iter(self._seconds))]
            fingerprint = hash(target)
            if fingerprint in self._seen:
                self._repeated[target] += 1
            self._seen.add(fingerprint)
        if not target.startswith("GET "):
            self.destroying.append({"route": route, "target": target, "status": status})
        if self.log.maxlen:
            self.log.append({"route": route, "target": target, "status": status, "true": is_true})

    def report(self) -> dict[str, Any]:
        """All counters, JSON-ready."""
        return {
            "seconds": round(time.monotonic() - self._started, 3),
            "calls": sum(self._calls.values()),
            "routes": dict(self._calls),
            "answered": dict(self._answered),
            "statuses": {str(status): count for status, count in sorted(self._statuses.items())},
            "rejected": self._statuses[429],
            "bytes": self._bytes,
            "repeated": {target: count + 1 for target, count in self._repeated.most_common(MOST_REPEATED_SHOWN)},
            "repeated_calls": sum(self._repeated.values()),
            "in_flight": self.in_flight,
            "most_in_flight": self._most_in_flight,
            "accepted_per_second": dict(sorted(self._seconds.items())),
        }
