"""The structs of `[warehouse]` in sunlake.toml, as it is written there. Properties give it in the warehouse's units.

The properties raise ValueError for what `check_warehouse` refuses, so settings are checked before they are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from pipeline.metrics_settings.local_time import known_zone, utc_ms
from pipeline.metrics_settings.notation import (
    Minutes,
    parse_day,
    parse_duration,
    parse_holiday,
    parse_hours,
    parse_moment,
)

# Seen in Zendesk's SDK and not in the specification of the API, which is why settings can change them.
SOURCE_CLASSES: Final[Mapping[str, str]] = {"zd:agentWorkspace": "agent", "zd:answerBot": "bot", "ultimate": "bot"}
# A client's type knows only "sdk", so these are one family.
CHANNEL_FAMILIES: Final[Mapping[str, str]] = {"web": "sdk", "ios": "sdk", "android": "sdk", "unity": "sdk"}
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# What has no valid_from was valid before there were messages.
ALWAYS_MS: Final = 0

HOUR_MS: Final = 3_600_000


class ChannelSessionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What differs for one channel; None leaves it as for all."""

    gap_hours: float | None = None
    late_answer_days: float | None = None


class SessionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When silence ends a session: after `gap_hours`, or while a user waits for an answer, `late_answer_days`."""

    gap_hours: float = 24.0
    late_answer_days: float = 7.0
    channels: dict[str, ChannelSessionSettings] = {}

    @property
    def limits_ms(self) -> dict[str | None, tuple[int, int]]:
        """Gap and late answer in ms by channel; None is for all others."""
        limits: dict[str | None, tuple[int, int]] = {None: _in_ms(self.gap_hours, self.late_answer_days)}
        for channel, own in self.channels.items():
            gap = self.gap_hours if own.gap_hours is None else own.gap_hours
            late = self.late_answer_days if own.late_answer_days is None else own.late_answer_days
            limits[channel] = _in_ms(gap, late)
        return limits


class BusinessSchedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Opening hours. By the moment a question arrives, one schedule is chosen, and measures it to the end.

    `timezone` None is the warehouse's. Weekdays hold intervals such as "09:00-12:30". `holidays` are local dates, or
    parts of them. `valid_from` (first day) and `valid_to` (first day no more) are local dates that say for which
    questions the schedule is chosen. `channels` None means every channel that no other schedule names.
    """

    id: str
    timezone: str | None = None
    monday: tuple[str, ...] = ()
    tuesday: tuple[str, ...] = ()
    wednesday: tuple[str, ...] = ()
    thursday: tuple[str, ...] = ()
    friday: tuple[str, ...] = ()
    saturday: tuple[str, ...] = ()
    sunday: tuple[str, ...] = ()
    holidays: tuple[str, ...] = ()
    channels: tuple[str, ...] | None = None
    valid_from: str | None = None
    valid_to: str | None = None

    @property
    def week(self) -> tuple[tuple[Minutes, ...], ...]:
        """The intervals of each weekday, Monday first."""
        days = (self.monday, self.tuesday, self.wednesday, self.thursday, self.friday, self.saturday, self.sunday)
        return tuple(tuple(map(parse_hours, day)) for day in days)

    @property
    def closures(self) -> tuple[tuple[date, Minutes], ...]:
        """The holidays: a local date and what of it is closed."""
        return tuple(map(parse_holiday, self.holidays))

    def zone(self, default: str) -> ZoneInfo:
        """The zone of its clock, where `default` is the warehouse's."""
        return known_zone(default if self.timezone is None else self.timezone)

    def validity_ms(self, default_zone: str) -> tuple[int, int | None]:
        """From when and until when (exclusive; None: for good) questions choose it, in ms since 1970 UTC."""
        zone = self.zone(default_zone)
        begin = ALWAYS_MS if self.valid_from is None else utc_ms(parse_day(self.valid_from), zone=zone)
        return begin, None if self.valid_to is None else utc_ms(parse_day(self.valid_to), zone=zone)


class SlaTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long something may take, for what arrives from `valid_from` until before `valid_to` (UTC).

    `target` is such as "15m", or seconds. `channel` None means every channel without a target of its own. The same id
    may come again with a later `valid_from`: that version then takes over.
    """

    id: str
    metric: str
    scope: str
    target: str | int
    clock: str = "calendar"
    channel: str | None = None
    valid_from: str | None = None
    valid_to: str | None = None

    @property
    def target_ms(self) -> int:
        """The target in ms."""
        return parse_duration(self.target)

    @property
    def begin_ms(self) -> int:
        """From when it is valid, in ms since 1970 UTC."""
        return ALWAYS_MS if self.valid_from is None else parse_moment(self.valid_from)


class WarehouseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the models of the warehouse leave to the business.

    `timezone` is that of days, hours and weekdays; `attribution` says whose day a reply counts on: that of the
    question's "arrival", or of the "reply". `source_classes` and `channel_families` come on top of the built-in ones.
    """

    timezone: str = "UTC"
    include_groups: bool = False
    exclude_deleted: bool = False
    attribution: str = "arrival"
    agent_integration_types: tuple[str, ...] = ("zd:agentWorkspace",)
    sessions: SessionSettings = SessionSettings()
    source_classes: dict[str, str] = {}
    channel_families: dict[str, str] = {}
    schedules: tuple[BusinessSchedule, ...] = ()
    sla: tuple[SlaTarget, ...] = ()

    @property
    def all_source_classes(self) -> dict[str, str]:
        """Who speaks, agent or bot, by source.type; what is set to unknown is left out."""
        return {name: each for name, each in {**SOURCE_CLASSES, **self.source_classes}.items() if each != "unknown"}

    @property
    def all_channel_families(self) -> dict[str, str]:
        """The family of each channel that is not its own."""
        return {name: each for name, each in {**CHANNEL_FAMILIES, **self.channel_families}.items() if each != name}

    @property
    def sla_validity_ms(self) -> tuple[tuple[int, int | None], ...]:
        """From when and until when (exclusive; None: for good) each entry of `sla` is valid, in ms since 1970 UTC."""
        validity = []
        for target in self.sla:
            later = [each.begin_ms for each in self.sla if each.id == target.id and each.begin_ms > target.begin_ms]
            ends = later if target.valid_to is None else [parse_moment(target.valid_to)]
            validity.append((target.begin_ms, min(ends, default=None)))
        return tuple(validity)


def _in_ms(gap_hours: float, late_answer_days: float) -> tuple[int, int]:
    return round(gap_hours * HOUR_MS), round(late_answer_days * 24 * HOUR_MS)
