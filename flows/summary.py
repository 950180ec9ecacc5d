"""A run in counts, for Prefect's pages: what it did and how much of what is known was reached. No names, no texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flows.outcome import Part
from pipeline.outcome import Summary

_HEADINGS: Final = (
    "app",
    "state",
    "messages",
    "conversations",
    "users",
    "gone",
    "not readable",
    "left",
    "calls",
    "429",
    "seconds",
)


def markdown_table(summaries: Sequence[Summary]) -> str:
    """One row per app."""
    lines = [_HEADINGS, ["---", "---", *["---:"] * (len(_HEADINGS) - 2)]]
    lines += [_cells(summary) for summary in summaries]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def part_of(summary: Summary) -> Part:
    """How one app's run went, in a sentence."""
    counters, missed, left = summary.counters, _missed(summary), _left(summary)
    says = [f"{counters.users:,} users, {counters.conversations:,} conversations, {counters.messages:,} messages"]
    if summary.message:
        says.insert(0, summary.message)
    if missed:
        says.append(f"{missed:,} could not be read and will be tried again")
    if left:
        says.append(f"{left:,} users and conversations are left for the next run")
    return Part(f"app {summary.app_id}", summary.exit_code, "; ".join(says))


def _cells(summary: Summary) -> list[str]:
    counters, calls = summary.counters, summary.calls
    counts = [
        counters.messages,
        counters.conversations,
        counters.users,
        counters.gone,
        _missed(summary),
        _left(summary),
        calls.calls if calls else 0,
        calls.throttled if calls else 0,
        round(summary.seconds),
    ]
    return [summary.app_id, summary.state, *(f"{number:,}" for number in counts)]


def _missed(summary: Summary) -> int:
    return summary.counters.failed + summary.counters.forbidden


def _left(summary: Summary) -> int:
    coverage = summary.coverage
    return coverage.users.pending + coverage.conversations.pending if coverage else 0
