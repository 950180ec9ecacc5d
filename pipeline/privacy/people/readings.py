"""Which users each request may mean, before it is known which of them are one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.privacy.people.find import Found, find_channel_ids, find_emails, find_external, find_users
from pipeline.privacy.people.lake_view import LakeView
from pipeline.privacy.people.upstream_side import Upstream
from pipeline.privacy.requests.request import Identifier, Request
from pipeline.walk.identifiers import is_record_id


@dataclass(slots=True)
class Reading:
    """The users that one request may mean.

    `named` are those it means as it is written; `otherwise` those it means if an external id is taken for an id, or an
    id for an external id (api.md, section 9).
    """

    named: set[str] = field(default_factory=set, repr=False)
    otherwise: set[str] = field(default_factory=set, repr=False)

    @property
    def all(self) -> set[str]:
        """Everybody it may mean."""
        return self.named | self.otherwise


async def read_requests(view: LakeView, requests: Sequence[Request], upstream: Upstream | None) -> list[Reading]:
    """What each request may mean, in order.

    Raises:
        ApiError: upstream can't be asked.
    """
    readings = [Reading() for _ in requests]
    kinds = {
        kind: {number: request for number, request in enumerate(requests) if request.kind is kind}
        for kind in Identifier
    }
    by_id, by_external = kinds[Identifier.USER_ID], kinds[Identifier.EXTERNAL_ID]
    looks_like_id = {number: request.value for number, request in by_external.items() if is_record_id(request.value)}
    _add(readings, find_users(view, {number: request.value for number, request in by_id.items()}))
    _add(readings, find_external(view, {n: (request.value, request.brand_id) for n, request in by_external.items()}))
    _add(readings, find_users(view, looks_like_id), otherwise=True)
    _add(readings, find_external(view, {n: (request.value, None) for n, request in by_id.items()}), otherwise=True)
    by_email = kinds[Identifier.EMAIL]
    brands = {number: request.brand_id for number, request in by_email.items() if request.brand_id}
    _add(readings, find_emails(view, [(n, request.value) for n, request in by_email.items()], brands=brands))
    by_channel = kinds[Identifier.CLIENT_EXTERNAL_ID].items()
    _add(readings, find_channel_ids(view, [(n, request.value, request.integration_id) for n, request in by_channel]))
    if upstream is not None:
        named, otherwise = await upstream.named_by(requests)
        _add(readings, named)
        _add(readings, otherwise, otherwise=True)
    return readings


def _add(readings: Sequence[Reading], found: Found, *, otherwise: bool = False) -> None:
    for number, users in found.items():
        (readings[number].otherwise if otherwise else readings[number].named).update(users)
