"""Keeps the encoded messages of the conversations asked for last, because a history is read page by page."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

import msgspec

from pipeline.sandbox.roll import Roll
from pipeline.sandbox.state import AppState

DEFAULT_LIMIT = 256 * 1024 * 1024
_FULL = 0.95

_encode = msgspec.json.Encoder().encode


class Rendered:
    """Encoded messages by app and conversation.

    Args:
        limit: bytes of encoded messages to keep; the conversation asked for longest ago goes first.
    """

    def __init__(self, *, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._held = 0
        self._rolls: OrderedDict[tuple[str, str], tuple[Roll[bytes], int]] = OrderedDict()

    def messages(self, app: AppState, conversation_id: str) -> Roll[bytes] | None:
        """The encoded messages of a conversation, or None where there is no such conversation."""
        key = (app.app_id, conversation_id)
        kept = self._rolls.get(key)
        if kept is not None:
            self._rolls.move_to_end(key)
            return kept[0]
        if app.conversations.get(conversation_id) is None:
            return None
        roll = app.messages.get(conversation_id).map(_encode)
        self._keep(key, roll)
        return roll

    def warm(self, apps: Iterable[AppState]) -> int:
        """Render conversations ahead of the first call, until all are held or the limit is near; returns how many."""
        for app in apps:
            for conversation_id in app.conversations.ids():
                if self._held >= self._limit * _FULL:
                    return len(self._rolls)
                self.messages(app, conversation_id)
        return len(self._rolls)

    def forget(self, app_id: str, conversation_id: str) -> None:
        """Render a conversation anew when it is asked for next."""
        _, size = self._rolls.pop((app_id, conversation_id), (None, 0))
        self._held -= size

    def _keep(self, key: tuple[str, str], roll: Roll[bytes]) -> None:
        size = sum(map(len, roll))
        self._rolls[key] = (roll, size)
        self._held += size
        while self._held > self._limit:
            _, (_, dropped) = self._rolls.popitem(last=False)
            self._held -= dropped
