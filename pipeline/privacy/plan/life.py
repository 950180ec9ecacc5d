"""How long a plan may be carried out: for so many hours, and until the lake holds more of its people than it said."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from pipeline.privacy.people.lake_view import lake_version
from pipeline.privacy.people.resolution import State
from pipeline.privacy.plan.form import Plan
from pipeline.walk.ledger import Ledger

_COUNTS: Final = (
    *("users", "personal_conversations", "default_conversations", "group_conversations"),
    *("own_messages_in_groups", "media", "quotes"),
)


async def why_dead(
    plan: Plan, *, hours: float, now: datetime, ledger: Ledger, replan: Callable[[], Awaitable[Plan]]
) -> str | None:
    """Why a plan can't be carried out any more, or None while it lives.

    Args:
        plan: the plan.
        hours: how long it lives.
        now: the current moment, aware.
        ledger: the lake's ledger.
        replan: plans the same batch anew; asked only where the lake has new commits.
    """
    if is_old(plan, hours=hours, now=now):
        return f"the plan is older than {hours:g} hours; make a new one"
    if all(lake_version(ledger, app_id) == version for app_id, version in plan.versions.items()):
        return None
    if has_grown(plan, await replan()):
        return "the lake has new commits and holds more of these people than the plan says; make a new one"
    return None


def is_old(plan: Plan, *, hours: float, now: datetime) -> bool:
    """Whether it was made too long ago, or in the future."""
    return now - plan.created_at >= timedelta(hours=hours) or now < plan.created_at - timedelta(minutes=5)


def has_grown(old: Plan, new: Plan) -> bool:
    """Whether a later plan of the same batch reaches anybody or anything more than an earlier one."""
    before, after = _reach(old), _reach(new)
    return any(count > before.get(key, 0) for key, count in after.items())


def _reach(plan: Plan) -> dict[tuple[str, str, str], int]:
    """Counts by app, person and what is counted; only what is acted on and known to the lake can be reached."""
    reach: dict[tuple[str, str, str], int] = {}
    for subject in plan.subjects:
        if not subject.is_acted_on or subject.state is State.NOT_FOUND:
            continue
        counts = {name: getattr(subject, name) for name in _COUNTS} | subject.rows | {"person": 1}
        reach |= {(subject.app_id, subject.tag, name): count for name, count in counts.items()}
    return reach
