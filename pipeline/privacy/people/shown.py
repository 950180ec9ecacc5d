"""Uploads that messages which stay show, too: what a business sends to many is nobody's trace, and is not removed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

from pipeline.lake import exact_json
from pipeline.privacy.people.lake_view import LakeView
from pipeline.privacy.people.resolution import Resolution
from pipeline.suppression.subjects import Action, Subject


def spare_shown(
    view: LakeView, resolutions: Sequence[Resolution], *, scope: Literal["whole", "authored"]
) -> list[Resolution]:
    """The resolutions, with those uploads that stay in `shared_media_urls` of their subjects.

    Args:
        view: the app's rows.
        resolutions: of a batch; who is not erased with the others keeps what they were sent.
        scope: "authored" keeps the words of the business, and so what it sent.
    """
    found = [one.subject for one in resolutions if one.subject is not None]
    urls = frozenset().union(*(subject.media_urls for subject in found))
    if not urls:
        return list(resolutions)
    leaving = [
        one.subject
        for one in resolutions
        if one.subject is not None and one.is_admissible and one.subject.action is Action.ERASE
    ]
    shown = urls & _shown_by_others(view, leaving, urls, scope=scope)
    return [one if one.subject is None else replace(one, subject=_without(one.subject, shown)) for one in resolutions]


def media_urls(value: Any) -> Iterator[str]:
    """The uploads that a message's content shows, wherever in it."""
    if isinstance(value, dict):
        for name, member in value.items():
            if name == "mediaUrl" and isinstance(member, str):
                yield member
            else:
                yield from media_urls(member)
    elif isinstance(value, list):
        for member in value:
            yield from media_urls(member)


def _without(subject: Subject, shown: frozenset[str]) -> Subject:
    shared = subject.media_urls & shown
    return replace(subject, media_urls=subject.media_urls - shared, shared_media_urls=shared) if shared else subject


def _shown_by_others(
    view: LakeView, leaving: Sequence[Subject], urls: frozenset[str], *, scope: Literal["whole", "authored"]
) -> frozenset[str]:
    users = sorted(frozenset().union(*(subject.user_ids for subject in leaving)))
    talks = sorted(frozenset().union(*(subject.personal_conversation_ids for subject in leaving)))
    view.put("leaving", {"user_id": users}, numbers=())
    view.put("going", {"conversation_id": talks}, numbers=())
    view.put("media", {"url": sorted(json.dumps(url, ensure_ascii=False)[1:-1] for url in urls)}, numbers=())
    goes = "and messages.author_type is distinct from 'business'" if scope == "authored" else ""
    rows = view.rows(rf"""
        select distinct messages.content from messages
        anti join going on messages.conversation_id = going.conversation_id {goes}
        anti join leaving on messages.author_user_id = leaving.user_id
        where messages.content like '%mediaUrl%' and list_has_any(
            regexp_extract_all(messages.content, '"mediaUrl"\s*:\s*"((?:[^"\\]|\\.)*)"', 1),
            (select list(url) from media)
        )
    """)
    return frozenset(url for (content,) in rows for url in media_urls(exact_json.parse(content)))
