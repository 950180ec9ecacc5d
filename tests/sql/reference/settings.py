"""The settings that the metrics depend on, with their defaults (metrics.md, sections 3 and 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from tests.sql.reference.moments import DAY

GAP_MS = DAY
LATE_ANSWER_MS = 7 * DAY


@dataclass(frozen=True)
class Gap:
    """How long a session survives silence: G, and L for an answer to a user."""

    gap_ms: int = GAP_MS
    late_answer_ms: int = LATE_ANSWER_MS


@dataclass(frozen=True)
class Holiday:
    """A local day off, or the part of it between two times in minutes."""

    day: date
    start: int = 0
    end: int = 1440


@dataclass(frozen=True)
class Schedule:
    """Weekly opening times in a zone.

    Args:
        schedule_id: its name.
        time_zone: IANA name.
        weekly: weekday (1 for Monday), start and end in minutes of the local day; the end may exceed 1440.
        holidays: when it is closed after all.
        first_day: first local day that it is known for.
        last_day: last local day that it is known for.
    """

    schedule_id: str
    time_zone: str
    weekly: tuple[tuple[int, int, int], ...]
    holidays: tuple[Holiday, ...]
    first_day: date
    last_day: date


@dataclass(frozen=True)
class ScheduleUse:
    """Which schedule a channel has for a while; a channel of None stands for those that are not named."""

    schedule_id: str
    channel: str | None = None
    valid_from_ms: int = 0
    valid_to_ms: int | None = None


@dataclass(frozen=True)
class Target:
    """A promise: what is measured, for whom, and how long it may take."""

    target_id: str
    metric: str
    scope: str
    target_ms: int
    channel: str | None = None
    clock: str = "calendar"
    valid_from_ms: int = 0
    valid_to_ms: int | None = None


def valid_at(period: ScheduleUse | Target, ms: int) -> bool:
    """Whether a moment lies in [valid_from, valid_to)."""
    return period.valid_from_ms <= ms and (period.valid_to_ms is None or ms < period.valid_to_ms)


def _default_classes() -> dict[str, str]:
    return {"zd:agentWorkspace": "agent", "zd:answerBot": "bot", "ultimate": "bot"}


def _default_families() -> dict[str, str]:
    return dict.fromkeys(("web", "ios", "android", "unity"), "sdk")


@dataclass(frozen=True)
class Settings:
    """All settings; each as in the table of the same name in the schema `settings`."""

    time_zone: str = "UTC"
    include_groups: bool = False
    exclude_deleted: bool = False
    attribution: str = "arrival"
    gap: Gap = Gap()
    channel_gaps: Mapping[str, Gap] = field(default_factory=dict)
    source_classes: Mapping[str, str] = field(default_factory=_default_classes)
    channel_families: Mapping[str, str] = field(default_factory=_default_families)
    agent_integration_types: tuple[str, ...] = ("zd:agentWorkspace",)
    schedules: tuple[Schedule, ...] = ()
    schedule_uses: tuple[ScheduleUse, ...] = ()
    targets: tuple[Target, ...] = ()

    def gap_of(self, channel: str | None) -> Gap:
        """The gap of a channel."""
        return self.channel_gaps.get(channel or "", self.gap)

    def family(self, channel: str | None) -> str | None:
        """The family of a channel; one that is not known is its own."""
        return None if channel is None else self.channel_families.get(channel, channel)

    def schedule_at(self, channel: str | None, ms: int) -> Schedule | None:
        """The schedule of a channel at a moment: the channel's own, else the one for all."""
        for wanted in (channel, None):
            for use in self.schedule_uses:
                if use.channel == wanted and valid_at(use, ms):
                    return next(schedule for schedule in self.schedules if schedule.schedule_id == use.schedule_id)
        return None

    def target_at(self, metric: str, scope: str, clock: str, channel: str | None, ms: int) -> Target | None:
        """The target for a pair that arrived at a moment: the channel's own, else the one for all."""
        for wanted in (channel, None):
            for target in self.targets:
                same = (target.metric, target.scope, target.clock, target.channel) == (metric, scope, clock, wanted)
                if same and valid_at(target, ms):
                    return target
        return None
