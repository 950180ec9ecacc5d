"""How one app's run stands, and what it tells of that while it goes on and at its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.api.limiter import Limiter, LimiterSnapshot
from pipeline.errors import SunlakeError
from pipeline.walk.coverage import AppCoverage
from pipeline.walk.runs import RunKind, RunState
from pipeline.walk.visit import Counters


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one app's run is. `pending` counts the users and conversations that the ledger knows to be waiting."""

    app_id: str
    seconds: float
    counters: Counters
    calls: LimiterSnapshot
    pending_users: int
    pending_conversations: int


@dataclass(frozen=True, slots=True)
class Summary:
    """How one app's run ended."""

    app_id: str
    run_id: str | None
    kind: RunKind
    state: RunState
    seconds: float
    counters: Counters
    calls: LimiterSnapshot | None
    coverage: AppCoverage | None
    message: str | None = None
    error: SunlakeError | None = None

    @property
    def exit_code(self) -> int:
        """0 done, 1 failed, 2 wrong use, 3 done in part."""
        if self.error is not None:
            return self.error.exit_code
        return 0 if self.state == "done" else 3


OnProgress = Callable[[Progress], None]


class Outcome:
    """What has become of one app's run so far. The run itself fills it in.

    Args:
        app_id: the app.
        kind: of the run.
        limiter: counts the calls.
    """

    def __init__(self, app_id: str, kind: RunKind, *, limiter: Limiter) -> None:
        self.run_id: str | None = None
        self.state: RunState = "running"
        self.counters = Counters()
        self.coverage: AppCoverage | None = None
        self.message: str | None = None
        self._app_id = app_id
        self._kind: RunKind = kind
        self._limiter = limiter
        self._error: SunlakeError | None = None
        self._begun = time.monotonic()

    def fail(self, error: BaseException) -> None:
        """Note what ended the run."""
        self.state = "failed"
        if isinstance(error, SunlakeError):
            self._error, self.message = error, str(error)
        else:
            # The text of a foreign exception may quote data.
            self.message = type(error).__name__

    def counted(self) -> dict[str, Any]:
        """All counts, as the ledger keeps them."""
        return {**asdict(self.counters), "calls": asdict(self._limiter.snapshot())}

    def progress(self, *, pending: tuple[int, int]) -> Progress:
        """How far the run is, beside so many users and conversations that wait."""
        return Progress(self._app_id, self._seconds, self.counters, self._limiter.snapshot(), *pending)

    def summary(self) -> Summary:
        """How the run ended, or stands."""
        return Summary(
            app_id=self._app_id,
            run_id=self.run_id,
            kind=self._kind,
            state=self.state,
            seconds=self._seconds,
            counters=self.counters,
            calls=self._limiter.snapshot(),
            coverage=self.coverage,
            message=self.message,
            error=self._error,
        )

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._begun
