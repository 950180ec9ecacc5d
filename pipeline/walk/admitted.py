"""Which messages of a page may enter the lake: the ledger counts no others, so that it agrees with the lake."""

from __future__ import annotations

import msgspec

from pipeline.walk.admission import Guest
from pipeline.walk.fetch import Page


class _Author(msgspec.Struct, gc=False, rename="camel"):
    user_id: str | None = None


class _Written(msgspec.Struct, gc=False):
    id: str
    author: _Author | None = None


def admitted_ids(guest: Guest, page: Page) -> list[str]:
    """The ids of a page's messages that nobody wrote who is kept out. Asked only where somebody is."""
    return [
        message.id
        for message in page.read(_Written)
        if guest.admits("message", message.id)
        and (not (author := message.author and message.author.user_id) or guest.admits("user", author))
    ]
