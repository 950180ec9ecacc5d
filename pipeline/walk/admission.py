"""Whom the walk may look at, as it sees it; who decides is none of its business."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

Who: TypeAlias = Literal["user", "conversation", "message", "external_id", "email"]
"""What a value identifies; an external id stands with its brand, or None."""


class Guest(Protocol):
    """Says who may enter. Cheap where nobody is kept out."""

    @property
    def is_open(self) -> bool:
        """Whether nobody is kept out, so that nobody need be asked about."""

    def admits(self, kind: Who, value: str, *, brand_id: str | None = None) -> bool:
        """Whether this user, conversation, message or alias may be looked at and remembered."""

    def turn_away(self, user_id: str, *, external_id: str | None, brand_id: str | None, email: str | None) -> bool:
        """Whether a profile belongs to somebody who is kept out by an alias; their id is kept out from then on."""


class Anybody:
    """Keeps nobody out."""

    is_open = True

    def admits(self, kind: Who, value: str, *, brand_id: str | None = None) -> bool:  # noqa: ARG002
        """Always."""
        return True

    def turn_away(
        self,
        user_id: str,  # noqa: ARG002
        *,
        external_id: str | None,  # noqa: ARG002
        brand_id: str | None,  # noqa: ARG002
        email: str | None,  # noqa: ARG002
    ) -> bool:
        """Never."""
        return False


ANYBODY = Anybody()
