"""Who comes back in later months (metrics.md, section 5)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from tests.sql.reference.conversations import Conversation
from tests.sql.reference.moments import local_date, midnight_ms


def cohort_monthly(conversations: Iterable[Conversation], newest: dict[str, int], zone: str) -> list[dict[str, Any]]:
    """The rows of `agg_cohort_monthly`: every cohort and every month from its own to the one we know of last."""
    months: dict[tuple[str, str], set[date]] = {}
    for conversation in conversations:
        for message in conversation.counted:
            if message.user_key is not None:
                months.setdefault((message.app_id, message.user_key), set()).add(_month(message.ms, zone))
    rows = []
    for app_id, cohort in sorted({(app_id, min(active)) for (app_id, _), active in months.items()}):
        members = [active for (app, _), active in months.items() if app == app_id and min(active) == cohort]
        last = _month(newest[app_id], zone)
        k, month = 0, cohort
        while month <= last:
            retained = sum(month in active for active in members)
            rows.append(
                {
                    "app_id": app_id,
                    "cohort_month": cohort,
                    "k": k,
                    "cohort_size": len(members),
                    "n_retained": retained,
                    "retention": retained / len(members),
                    "partial": midnight_ms(_next(month), zone) > newest[app_id],
                }
            )
            k, month = k + 1, _next(month)
    return rows


def _month(ms: int, zone: str) -> date:
    return local_date(ms, zone).replace(day=1)


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
