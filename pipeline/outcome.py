"""What a run tells while it goes on and at its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.api.limiter import LimiterSnapshot
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
