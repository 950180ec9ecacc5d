"""A message as it nearly always comes, which the lake takes as it is: nothing unknown in it, and nothing null.

Nested objects stay slices of the original text. An answer with any other message is read twice: here for its heads, and
in the lake, where nothing is lost, for all.
"""

from __future__ import annotations

import msgspec

ABSENT = msgspec.Raw()
"""Stands for a nested value that is absent: no JSON text is empty."""


class Author(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, rename="camel"):
    """Who wrote a message. An absent field is None, since defaults are not checked; one that is null is refused."""

    type: str  # the specification demands it; so an empty object is refused here
    subtypes: list[str] = None  # type: ignore[assignment] # see above
    user_id: str = None  # type: ignore[assignment]
    display_name: str = None  # type: ignore[assignment]
    avatar_url: str = None  # type: ignore[assignment]


class Source(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, rename="camel"):
    """Where a message came from; defaults as of `Author`."""

    type: str
    integration_id: str = None  # type: ignore[assignment]
    original_message_id: str = None  # type: ignore[assignment]
    original_message_timestamp: str = None  # type: ignore[assignment]


class Message(msgspec.Struct, gc=False, forbid_unknown_fields=True, rename="camel"):
    """A message; defaults as of `Author`. That no slice is null must be looked for."""

    id: str
    received: str = None  # type: ignore[assignment]
    author: Author = Author(None)  # type: ignore[arg-type]
    source: Source = Source(None)  # type: ignore[arg-type]
    content: msgspec.Raw = ABSENT
    activity: msgspec.Raw = ABSENT
    quoted_message: msgspec.Raw = ABSENT
    references: msgspec.Raw = ABSENT
    metadata: msgspec.Raw = ABSENT
    deleted: bool = None  # type: ignore[assignment]
