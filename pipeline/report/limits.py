"""What the API can't tell, so that nobody looks for it in the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LIMITS: Final[Mapping[str, str]] = {
    "Single agents": "Speed, workload, handling time, time to assignment, groups: messages carry no agent and no "
    "assignment; a display name is none.",
    "Tickets": "Resolution time, reopened or one-touch tickets, waiting by ticket status: these live in Zendesk. "
    "A session that was closed is a closed ticket, days after it was solved.",
    "Satisfaction": "Survey answers are not part of conversations; only the text of surveys is.",
    "Resolved by AI, intent": "Would need a judgement of the text, or the user's word. Containment can be counted.",
    "Billed active users": "Zendesk bills by rules of its own; users who wrote are counted here.",
    "What happened before a first message": "Typing, abandoned forms, views of the widget.",
    "When the business read a message": "Only the latest read is known.",
    "Everything there is": "No call lists all users or conversations. Rates are of exported ones, and messages that "
    "were removed before the export are missing.",
    "Without webhooks": "Delivery, the channel on which a message went out, who held the conversation when, why it was "
    "created: unknown, or inferred where the report says so.",
    "Without configuration": "Business hours, holidays and targets: they come from sunlake.toml, not from the API.",
}
