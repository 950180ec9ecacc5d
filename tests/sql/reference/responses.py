"""Response times by day and promises kept (metrics.md, sections 3.5 and 3.8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.sql.reference.business_hours import due_ms
from tests.sql.reference.pairs import Pair
from tests.sql.reference.settings import Settings, Target


@dataclass(frozen=True)
class Judged:
    """A pair, the promise that held when it arrived, and what became of the promise."""

    pair: Pair
    target: Target
    outcome: str
    due_ms: int | None


def judged(found: Iterable[Pair], settings: Settings) -> list[Judged]:
    """All pairs that a target applies to."""
    results = []
    for pair in found:
        target = settings.target_at(pair.metric, pair.scope, pair.clock, pair.channel, pair.arrived_ms)
        if target is not None:
            due = due_ms(pair.schedule, pair.from_ms, target.target_ms) if pair.schedule else None
            due = due if pair.schedule else pair.from_ms + target.target_ms
            results.append(Judged(pair, target, outcome(pair, target.target_ms), due))
    return results


def outcome(pair: Pair, target_ms: int) -> str:
    """What became of a promise; the target itself still keeps it."""
    spent = pair.age_ms if pair.value_ms is None else pair.value_ms
    assert spent is not None
    if pair.state == "answered":
        return "met" if spent <= target_ms else "breached"
    if pair.state == "open":
        return "pending" if spent <= target_ms else "breached"
    return "breached" if pair.metric == "frt" and spent > target_ms else "excluded"


def attainment(outcomes: Counter[str]) -> float | None:
    """The share of kept promises among those that are decided."""
    decided = outcomes["met"] + outcomes["breached"]
    return outcomes["met"] / decided if decided else None


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value below which the share lies, by linear interpolation between the two nearest."""
    if not values:
        return None
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def response_daily(found: Iterable[Pair], judgements: Iterable[Judged]) -> list[dict[str, Any]]:
    """The rows of `agg_response_daily`."""
    grouped: dict[tuple[Any, ...], list[Pair]] = {}
    for pair in found:
        grouped.setdefault(_place(pair), []).append(pair)
    outcomes: dict[tuple[Any, ...], Counter[str]] = {}
    for judgement in judgements:
        outcomes.setdefault(_place(judgement.pair), Counter())[judgement.outcome] += 1
    return [
        dict(zip(("app_id", "local_date", "channel", "scope", "clock", "metric"), place, strict=True))
        | _measures(members)
        | {"pct_within_target": attainment(outcomes.get(place, Counter()))}
        for place, members in grouped.items()
    ]


def sla_daily(judgements: Iterable[Judged]) -> list[dict[str, Any]]:
    """The rows of `agg_sla_daily`."""
    grouped: dict[tuple[Any, ...], Counter[str]] = {}
    for judgement in judgements:
        pair = judgement.pair
        place = (
            pair.app_id,
            pair.day,
            pair.channel or "none",
            judgement.target.target_id,
            pair.metric,
            pair.scope,
            pair.clock,
        )
        grouped.setdefault(place, Counter())[judgement.outcome] += 1
    names = ("app_id", "local_date", "channel", "target_id", "metric", "scope", "clock")
    return [
        dict(zip(names, place, strict=True))
        | {f"n_{name}": outcomes[name] for name in ("met", "breached", "pending", "excluded")}
        | {"attainment": attainment(outcomes)}
        for place, outcomes in grouped.items()
    ]


def _place(pair: Pair) -> tuple[Any, ...]:
    return (pair.app_id, pair.day, pair.channel or "none", pair.scope, pair.clock, pair.metric)


def _measures(members: Sequence[Pair]) -> dict[str, Any]:
    values = [pair.value_ms for pair in members if pair.value_ms is not None]
    seconds = [value / 1000 for value in values]
    states = Counter(pair.state for pair in members)
    return {
        "n": len(members),
        "n_answered": states["answered"],
        "n_open": states["open"],
        "n_closed_unanswered": states["closed_unanswered"],
        "avg_s": sum(values) / len(values) / 1000 if values else None,
        "p50_s": quantile(seconds, 0.5),
        "p90_s": quantile(seconds, 0.9),
        "p95_s": quantile(seconds, 0.95),
        "max_s": max(seconds, default=None),
    }
