"""Step 3: removes the subject's uploads. Media on other hosts are out of reach and are counted (gdpr.md, section 4)."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

from pipeline.api.deletions import remove_attachment
from pipeline.api.sent import Outcome
from pipeline.errors import BadRequestError
from pipeline.privacy.upstream.run import UpstreamRun
from pipeline.privacy.upstream.types import UpstreamStep

VENDOR_DOMAIN = "smooch.io"
"""Where uploads of legacy accounts lie; those of others lie on the API's own host (openapi.yaml, examples)."""


async def remove_attachments(run: UpstreamRun) -> None:
    """Remove every upload that the survey found, and see that it is gone.

    Raises:
        ApiError: a call failed, or its outcome stays unknown.
    """
    step = UpstreamStep.ATTACH
    counts = {"media_removed": 0, "media_unreachable": 0}
    for url in sorted(run.survey.media):
        removed = is_own_host(url, host=run.known.client.host) and await _remove(run, url)
        counts["media_removed" if removed else "media_unreachable"] += 1
    run.finish(step, **counts)


def is_own_host(url: str, *, host: str) -> bool:
    """Whether a URL is on the API's own host, or on one of the vendor's."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    name = parts.hostname or ""
    is_vendor = name == VENDOR_DOMAIN or name.endswith(f".{VENDOR_DOMAIN}")
    return parts.scheme in ("http", "https") and (parts.netloc == host or is_vendor)


async def _remove(run: UpstreamRun, url: str) -> bool:
    """Remove an upload; asking once more is the only way to see that it is gone. False if the API refuses it."""
    try:
        deletion = remove_attachment(run.app_id, url)
    except BadRequestError:
        return False  # no URL that can be sent
    for _ in range(run.policy.rounds):
        sent = await run.send(UpstreamStep.ATTACH, deletion)
        if sent.outcome is Outcome.REFUSED:
            return False
        if sent.outcome is Outcome.GONE:
            return True
        run.removed_at = datetime.now(UTC)
    raise run.give_up(UpstreamStep.ATTACH)
