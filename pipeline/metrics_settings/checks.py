"""Refuses `[warehouse]` settings that contradict themselves. A message names the key and shows a right value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from math import inf
from typing import Final, NamedTuple

from pipeline.errors import ConfigError
from pipeline.metrics_settings.local_time import known_zone
from pipeline.metrics_settings.notation import (
    LONGEST_DAYS,
    parse_day,
    parse_duration,
    parse_holiday,
    parse_hours,
    parse_moment,
)
from pipeline.metrics_settings.settings import (
    WEEKDAYS,
    BusinessSchedule,
    ChannelSessionSettings,
    SessionSettings,
    SlaTarget,
    WarehouseSettings,
)

# The metrics that can have a target, and of whom each can be asked.
METRIC_SCOPES: Final[Mapping[str, tuple[str, ...]]] = {
    "frt": ("any", "human", "bot"),
    "reply": ("any", "agent", "bot"),
    "next_reply": ("any", "agent", "bot"),
    "human_wait": ("human",),
    "human_handoff": ("human",),
}


class _Claim(NamedTuple):
    """Where a thing is set, and when (in ms, end exclusive) it is the one that holds for `what`."""

    what: str
    at: str
    begin: float
    end: float


def check_warehouse(settings: WarehouseSettings, *, at: str = "warehouse") -> None:
    """Refuse what can't be computed, or could be in two ways.

    Args:
        settings: as read from the file.
        at: the key of the settings, to begin messages with, such as "sunlake.toml: warehouse".

    Raises:
        ConfigError: the first thing that is wrong.
    """
    with _named(f"{at}.timezone"):
        known_zone(settings.timezone)
    _check_choice(settings.attribution, ("arrival", "reply"), at=f"{at}.attribution")
    _check_names(settings.agent_integration_types, at=f"{at}.agent_integration_types")
    _check_sessions(settings.sessions, at=f"{at}.sessions")
    for source_type, source_class in settings.source_classes.items():
        _check_choice(source_class, ("agent", "bot", "unknown"), at=f"{at}.source_classes.{source_type!r}")
    _check_names([*settings.source_classes], at=f"{at}.source_classes")
    for channel, family in settings.channel_families.items():
        _check_name(family, at=f"{at}.channel_families.{channel!r}")
    _check_names([*settings.channel_families], at=f"{at}.channel_families")
    _check_schedules(settings, at=f"{at}.schedules")
    _check_sla(settings, at=f"{at}.sla")


def _check_sessions(sessions: SessionSettings, *, at: str) -> None:
    _check_names([*sessions.channels], at=f"{at}.channels")
    places: list[tuple[str, SessionSettings | ChannelSessionSettings]] = [(at, sessions)]
    places += [(f"{at}.channels.{channel}", own) for channel, own in sessions.channels.items()]
    for place, own in places:
        for key, value, most in (
            ("gap_hours", own.gap_hours, LONGEST_DAYS * 24),
            ("late_answer_days", own.late_answer_days, LONGEST_DAYS),
        ):
            if value is not None and not 0 < value <= most:  # holds for NaN, too
                raise ConfigError(f"{place}.{key}: must be above 0 and at most {most}, such as 24 hours and 7 days")
    for (place, _), (gap_ms, late_ms) in zip(places, sessions.limits_ms.values(), strict=True):
        if gap_ms < 1:
            raise ConfigError(f"{place}.gap_hours: is less than a millisecond; write such as 24")
        if late_ms < gap_ms:
            raise ConfigError(
                f"{place}.late_answer_days: a question must not be given up before the session ends; make it at least "
                "as long as gap_hours, such as 7 days with 24 hours"
            )


def _check_schedules(settings: WarehouseSettings, *, at: str) -> None:
    claims = []
    for number, schedule in enumerate(settings.schedules):
        place = f"{at}[{number}]"
        _check_schedule(schedule, settings.timezone, at=place)
        if any(schedule.id == other.id for other in settings.schedules[:number]):
            raise ConfigError(
                f"{place}.id: {schedule.id!r} is there twice; hours that change on a day are two schedules, such as "
                "support-2025 with valid_to and support-2026 with valid_from"
            )
        begin, end = schedule.validity_ms(settings.timezone)
        for channel in schedule.channels or (None,):
            what = "all channels that no schedule names" if channel is None else f"channel {channel!r}"
            claims.append(_Claim(what, place, begin, inf if end is None else end))
    _check_claims(claims)


def _check_schedule(schedule: BusinessSchedule, default_zone: str, *, at: str) -> None:
    _check_name(schedule.id, at=f"{at}.id")
    with _named(f"{at}.timezone"):
        schedule.zone(default_zone)
    for weekday in WEEKDAYS:
        for number, hours in enumerate(getattr(schedule, weekday)):
            with _named(f"{at}.{weekday}[{number}]"):
                parse_hours(hours)
    if not any(schedule.week):
        raise ConfigError(f'{at}: is never open; give a weekday hours, such as monday = ["09:00-12:30"]')
    for number, holiday in enumerate(schedule.holidays):
        with _named(f"{at}.holidays[{number}]"):
            parse_holiday(holiday)
    _check_twice(schedule.holidays, at=f"{at}.holidays")
    if schedule.channels is not None:
        if not schedule.channels:
            raise ConfigError(f'{at}.channels: is empty; name some, such as ["whatsapp"], or leave it out for all')
        _check_names(schedule.channels, at=f"{at}.channels")
    for key, day in (("valid_from", schedule.valid_from), ("valid_to", schedule.valid_to)):
        with _named(f"{at}.{key}"):
            if day is not None:
                parse_day(day)
    begin, end = schedule.validity_ms(default_zone)
    _check_order(begin, end, at=at)


def _check_sla(settings: WarehouseSettings, *, at: str) -> None:
    for number, target in enumerate(settings.sla):
        _check_target(target, at=f"{at}[{number}]")
        if target.clock == "business" and not any(
            schedule.channels is None or target.channel is None or target.channel in schedule.channels
            for schedule in settings.schedules
        ):
            raise ConfigError(
                f"{at}[{number}].clock: no schedule says when business is open"
                f"{'' if target.channel is None else f' on {target.channel}'}; add one to [[warehouse.schedules]], or "
                'choose "calendar"'
            )
    claims = []
    for number, (target, (begin, end)) in enumerate(zip(settings.sla, settings.sla_validity_ms, strict=True)):
        place = f"{at}[{number}]"
        _check_order(begin, end, at=place)
        _check_versions(settings.sla[:number], target, at=place)
        channel = "all channels without a target of their own" if target.channel is None else f"{target.channel!r}"
        what = f"{target.metric} of {target.scope} on {channel} by the {target.clock} clock"
        claims.append(_Claim(what, place, begin, inf if end is None else end))
        claims.append(_Claim(f"target {target.id!r}", place, begin, inf if end is None else end))
    _check_claims(claims)


def _check_target(target: SlaTarget, *, at: str) -> None:
    _check_name(target.id, at=f"{at}.id")
    _check_choice(target.metric, tuple(METRIC_SCOPES), at=f"{at}.metric")
    _check_choice(target.scope, METRIC_SCOPES[target.metric], at=f"{at}.scope", of=f" of {target.metric}")
    _check_choice(target.clock, ("calendar", "business"), at=f"{at}.clock")
    if target.channel is not None:
        _check_name(target.channel, at=f"{at}.channel")
    with _named(f"{at}.target"):
        parse_duration(target.target)
    for key, moment in (("valid_from", target.valid_from), ("valid_to", target.valid_to)):
        with _named(f"{at}.{key}"):
            if moment is not None:
                parse_moment(moment)


def _check_versions(earlier: Sequence[SlaTarget], target: SlaTarget, *, at: str) -> None:
    for other in earlier:
        if other.id != target.id:
            continue
        if other.begin_ms == target.begin_ms:
            raise ConfigError(
                f"{at}.id: {target.id!r} is there twice from the same moment; choose another id, or say with "
                'valid_from when it takes over, such as "2025-04-21"'
            )
        if (other.metric, other.scope, other.channel) != (target.metric, target.scope, target.channel):
            raise ConfigError(
                f"{at}.id: {target.id!r} was another metric, scope or channel before; choose another id, such as "
                f"{target.id + '-2'!r}"
            )


def _check_claims(claims: Iterable[_Claim]) -> None:
    by_what = defaultdict(list)
    for claim in claims:
        by_what[claim.what].append(claim)
    for same in by_what.values():
        for first, second in pairwise(sorted(same, key=lambda claim: claim.begin)):
            if second.begin < first.end:
                other = first.at.rpartition(".")[2]
                raise ConfigError(
                    f"{second.at}: holds for {second.what} at the same time as {other}; give {other} a valid_to that "
                    "is not after the other's valid_from, or remove one"
                )


def _check_order(begin: int, end: int | None, *, at: str) -> None:
    if end is not None and end <= begin:
        raise ConfigError(f"{at}.valid_to: must be after valid_from; it is the first day, or moment, that is out")


def _check_names(names: Sequence[str], *, at: str) -> None:
    for number, name in enumerate(names):
        _check_name(name, at=f"{at}[{number}]")
    _check_twice(names, at=at)


def _check_name(name: str, *, at: str) -> None:
    if not name.strip():
        raise ConfigError(f'{at}: a name is empty; write such as "whatsapp"')


def _check_twice(values: Sequence[str], *, at: str) -> None:
    for number, value in enumerate(values):
        if value in values[:number]:
            raise ConfigError(f"{at}[{number}]: {value!r} is there twice; remove one")


def _check_choice(value: str, choices: Sequence[str], *, at: str, of: str = "") -> None:
    if value not in choices:
        raise ConfigError(f"{at}: {value!r} is none of the choices{of}; write {' or '.join(map(repr, choices))}")


@contextmanager
def _named(at: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ConfigError(f"{at}: {error}") from None
