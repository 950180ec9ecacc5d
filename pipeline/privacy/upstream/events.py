"""Recognises the webhook event that tells of a deleted user, which the specification calls by two names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

REMOVED = frozenset({"user:remove", "user:delete"})
"""The list of triggers and the example say `user:remove`, the text of DeleteUser says `user:delete` (openapi.yaml)."""


def removed_user(event_type: str | None, payload: Mapping[str, Any] | str | None) -> str | None:
    """The id of the user that an event says is deleted for good, or None if it says nothing of the kind.

    Such an event arrives after the erasure and carries an external id, so it may be counted, but must not be stored.

    Args:
        event_type: the event's `type`.
        payload: its `payload`, as an object or as the JSON text that the lake's table `events` holds.
    """
    if event_type not in REMOVED:
        return None
    if isinstance(payload, str):
        try:
            payload = json.loads(payload)
        except (ValueError, RecursionError):
            return None
    user = payload.get("user") if isinstance(payload, Mapping) else None
    user_id = user.get("id") if isinstance(user, Mapping) else None
    return user_id if isinstance(user_id, str) and user_id else None
