"""What an export says at its end: what was reached, what is missing, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pipeline.cli.output import print_table
from pipeline.cli.progress import duration

if TYPE_CHECKING:
    from pipeline.outcome import Summary
    from pipeline.walk.coverage import AppCoverage


def print_summaries(summaries: Sequence[Summary]) -> None:
    """Print one row per app and the sentences that go with it."""
    columns = ["app", "state", "messages", "conversations", "users", "gone", "failed", "calls", "429", "time"]
    rows = [
        [
            summary.app_id,
            summary.state,
            summary.counters.messages,
            summary.counters.conversations,
            summary.counters.users,
            summary.counters.gone,
            summary.counters.failed + summary.counters.forbidden,
            summary.calls.calls if summary.calls else 0,
            summary.calls.throttled if summary.calls else 0,
            duration(summary.seconds),
        ]
        for summary in summaries
    ]
    print_table(columns, rows, right=columns[2:])
    for summary in summaries:
        for sentence in sentences(summary):
            click.echo(f"{summary.app_id}: {sentence}")


def sentences(summary: Summary) -> list[str]:
    """What the figures do not say."""
    found = list(summary.counters.notes)
    if summary.message:
        found.append(f"error: {summary.message}")
    coverage = summary.coverage
    if coverage is not None:
        found.append(coverage_sentence(coverage))
        if coverage.unresolved_seeds:
            found.append(unresolved_sentence(coverage.unresolved_seeds))
        waiting = coverage.users.pending + coverage.conversations.pending
        if waiting:
            found.append(
                f"{coverage.users.pending:,} users and {coverage.conversations.pending:,} conversations are left; "
                "run the same command again, it goes on where it stopped"
            )
    missed = summary.counters.failed + summary.counters.forbidden
    if missed:
        found.append(f"{missed:,} could not be read; `sunlake status` says why, and the next run tries them again")
    return found


def coverage_sentence(coverage: AppCoverage) -> str:
    """How much of what is known was reached."""
    users, conversations = coverage.users, coverage.conversations
    return (
        f"reached {users.by_state.get('done', 0):,} of {users.known:,} known users and "
        f"{conversations.by_state.get('done', 0):,} of {conversations.known:,} known conversations; "
        f"the lake holds {coverage.messages:,} messages"
    )


def unresolved_sentence(count: int) -> str:
    """What became of seeds that named nobody."""
    return f"seeds that named nobody (external_id or email): {count:,}; a later run with the same seeds asks again"


def exit_code(summaries: Sequence[Summary]) -> int:
    """0 if all is done, 1 or 2 if every app failed, else 3."""
    codes = {summary.exit_code for summary in summaries}
    if len(codes) == 1:
        return codes.pop()
    return 1 if codes <= {1, 2} else 3
