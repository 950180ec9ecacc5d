"""Answers that are whole JSON and yet wrong: pages that lead in a circle, messages in disorder."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from pipeline.sandbox.answers import Answer, answered
from pipeline.sandbox.pages import Query


def looped(answer: Answer, query: Query) -> Answer:
    """The page with the cursor it was asked with as the next one, in the same direction."""
    page = _page(answer)
    side = "before" if "page[before]" in query else "after"
    if page is None or f"page[{side}]" not in query:
        return answer
    cursor = query[f"page[{side}]"][0]
    link = "prev" if side == "before" else "next"
    url = str(next(iter(page.get("links", {}).values()), "")).partition("?")[0]
    meta = page.get("meta", {}) | {"hasMore": True, f"{side}Cursor": cursor}
    links = page.get("links", {}) | {link: f"{url}?page[{side}]={cursor}"}
    return answered(page | {"meta": meta, "links": links})


def shuffled(answer: Answer, disorder: random.Random) -> Answer:
    """The page with its messages in random order; any other answer as it is."""
    page = _page(answer)
    if page is None or "messages" not in page:
        return answer
    disorder.shuffle(page["messages"])
    return answered(page)


def _page(answer: Answer) -> dict[str, Any] | None:
    if answer.status != 200:
        return None
    try:
        return msgspec.json.decode(answer.body, type=dict[str, Any])
    except msgspec.DecodeError:
        return None
