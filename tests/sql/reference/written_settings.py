"""Reads `[warehouse]` of sunlake.toml a second time, so that the reference does not lean on the product's reading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from tests.sql.reference.moments import DAY, HOUR, MINUTE, SECOND, midnight_ms, to_ms
from tests.sql.reference.settings import Gap, Holiday, Schedule, ScheduleUse, Settings, Target

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_UNITS = {"d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND}


def read_settings(written: Mapping[str, Any], *, years: tuple[int, int] = (2024, 2026)) -> Settings:
    """The settings of a `[warehouse]` table.

    Args:
        written: the table.
        years: the first and the last for which schedules are known.
    """
    usual, zone = Settings(), written.get("timezone", "UTC")
    sessions = written.get("sessions", {})
    schedules = written.get("schedules", ())
    return Settings(
        time_zone=zone,
        include_groups=written.get("include_groups", False),
        exclude_deleted=written.get("exclude_deleted", False),
        attribution=written.get("attribution", "arrival"),
        gap=_gap(sessions, Gap()),
        channel_gaps={
            channel: _gap(own, _gap(sessions, Gap())) for channel, own in sessions.get("channels", {}).items()
        },
        source_classes={**usual.source_classes, **written.get("source_classes", {})},
        channel_families={**usual.channel_families, **written.get("channel_families", {})},
        agent_integration_types=tuple(written.get("agent_integration_types", usual.agent_integration_types)),
        schedules=tuple(_schedule(entry, zone, years) for entry in schedules),
        schedule_uses=tuple(use for entry in schedules for use in _uses(entry, zone)),
        targets=tuple(_targets(written.get("sla", ()))),
    )


def _gap(written: Mapping[str, Any], usual: Gap) -> Gap:
    gap_ms, late_ms = usual.gap_ms, usual.late_answer_ms
    if "gap_hours" in written:
        gap_ms = round(written["gap_hours"] * HOUR)
    if "late_answer_days" in written:
        late_ms = round(written["late_answer_days"] * DAY)
    return Gap(gap_ms, late_ms)


def _schedule(entry: Mapping[str, Any], zone: str, years: tuple[int, int]) -> Schedule:
    return Schedule(
        schedule_id=entry["id"],
        time_zone=entry.get("timezone", zone),
        weekly=tuple(
            (number, *_hours(hours)) for number, weekday in enumerate(_WEEKDAYS, 1) for hours in entry.get(weekday, ())
        ),
        holidays=tuple(_holiday(holiday) for holiday in entry.get("holidays", ())),
        first_day=date(years[0], 1, 1),
        last_day=date(years[1], 12, 31),
    )


def _uses(entry: Mapping[str, Any], default_zone: str) -> Iterable[ScheduleUse]:
    zone = entry.get("timezone", default_zone)
    begin, end = (entry.get(name) for name in ("valid_from", "valid_to"))
    for channel in entry.get("channels", (None,)):
        yield ScheduleUse(
            schedule_id=entry["id"],
            channel=channel,
            valid_from_ms=midnight_ms(date.fromisoformat(begin), zone) if begin else 0,
            valid_to_ms=midnight_ms(date.fromisoformat(end), zone) if end else None,
        )


def _hours(text: str) -> tuple[int, int]:
    start, end = (part.split(":") for part in text.split("-"))
    return int(start[0]) * 60 + int(start[1]), int(end[0]) * 60 + int(end[1])


def _holiday(text: str) -> Holiday:
    day, _, hours = text.partition(" ")
    return Holiday(date.fromisoformat(day), *(_hours(hours) if hours else ()))


def _targets(entries: Iterable[Mapping[str, Any]]) -> Iterable[Target]:
    entries = list(entries)
    for entry in entries:
        begin = _moment(entry.get("valid_from"), 0)
        versions = [_moment(other.get("valid_from"), 0) for other in entries if other["id"] == entry["id"]]
        next_version = min((other for other in versions if other > begin), default=None)
        yield Target(
            target_id=entry["id"],
            metric=entry["metric"],
            scope=entry["scope"],
            target_ms=_duration(entry["target"]),
            channel=entry.get("channel"),
            clock=entry.get("clock", "calendar"),
            valid_from_ms=begin,
            valid_to_ms=_moment(entry["valid_to"], 0) if "valid_to" in entry else next_version,
        )


def _moment(text: str | None, otherwise: int) -> int:
    if text is None:
        return otherwise
    found = datetime.fromisoformat(text)
    return to_ms(found if found.tzinfo else found.replace(tzinfo=UTC))


def _duration(value: str | int) -> int:
    if isinstance(value, int):
        return value * SECOND
    total, number = 0, ""
    for character in value:
        if character in _UNITS:
            total, number = total + int(number) * _UNITS[character], ""
        else:
            number += character
    return total
