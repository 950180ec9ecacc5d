"""A batch of requests for access: people are found, and a copy of the data of each is written (gdpr.md, section 9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.errors import BatchError
from pipeline.lake.layout import new_commit_id
from pipeline.privacy.access.ask import Upstream, open_upstream
from pipeline.privacy.access.register import expire_access
from pipeline.privacy.access.told import Asked
from pipeline.privacy.access.whole_batch import write_copy
from pipeline.privacy.access.write import AccessExport
from pipeline.privacy.deeds.journal import BatchJournal
from pipeline.privacy.deeds.words import Event
from pipeline.privacy.desk import Desk
from pipeline.privacy.people.closure import resolve
from pipeline.privacy.people.lake_view import open_view
from pipeline.privacy.people.resolution import Resolution, State
from pipeline.privacy.requests.batch import read_batch
from pipeline.privacy.requests.request import Request
from pipeline.privacy.upstream.api_lookup import ApiLookup
from pipeline.suppression.subjects import Action

OnStep = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class WrittenCopy:
    """A copy on the disk, for these requests. `expires_at` is when it is deleted by the next command that looks."""

    tag: str
    request_refs: tuple[str, ...]
    export: AccessExport
    expires_at: datetime


@dataclass(slots=True)
class Access:
    """What became of a batch. `missing` are the references of requests without a copy, with the reason."""

    batch_id: str
    copies: list[WrittenCopy] = field(default_factory=list)
    missing: list[tuple[str, State]] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 complete, or by the lake alone as was asked for; 3 done in part."""
        stale = any(copy.export.asked in {Asked.PARTIAL, Asked.NO_KEY} for copy in self.copies)
        return 3 if self.missing or stale else 0


async def run_access(
    desk: Desk, source: str, *, out: Path, is_offline: bool = False, on_step: OnStep | None = None
) -> Access:
    """Write a copy for everybody whom a batch asks for.

    Args:
        desk: the desk.
        source: a file of requests or a query, as for `read_batch`.
        out: the folder for the copies.
        is_offline: go by the lake alone, and don't ask upstream who somebody is and what it holds of them.
        on_step: is told what takes time, in words that name nobody.

    Raises:
        BatchError: the batch is wrong, or asks for something else than access; nothing was written.
        ApiError: upstream does not answer who is meant; copies of apps before it are written and registered. What it
            does not answer later is told in the copies, and by the exit code.
        CorruptLakeError, StorageError: copies before it are written and registered.
    """
    app_ids = [app.app_id for app in desk.settings.apps]
    batch = read_batch(source, app_ids=app_ids, max_requests=desk.settings.privacy.max_requests)
    wrong = [request.line for request in batch.requests if request.action is not Action.ACCESS]
    if wrong:
        lines = ", ".join(map(str, wrong[:20]))
        raise BatchError(f"only copies are made here, and rows {lines} ask for something else; see `sunlake erase`")
    expire_access(desk.lake, now=datetime.now(UTC))
    journal = BatchJournal(desk.deeds, f"b{new_commit_id()}")
    found = Access(journal.batch)
    desk.deeds.append(journal.batch, Event.ACCESS, counts={"requests": len(batch.requests)})
    for app_id in dict.fromkeys(request.app_id for request in batch.requests):
        mine = [request for request in batch.requests if request.app_id == app_id]
        async with open_upstream(desk.settings, app_id, is_offline=is_offline) as upstream:
            if on_step is not None:
                on_step(f"looking for those whom the requests name{_where(upstream)}")
            resolutions = await _resolve(desk, app_id, mine, upstream)
            for number, resolution in enumerate(resolutions, 1):
                if on_step is not None:
                    on_step(f"copy {number:,} of {len(resolutions):,}: reading the person's data{_where(upstream)}")
                await _write(desk, journal, found, resolution, out, upstream=upstream)
    desk.deeds.append(journal.batch, Event.CLOSE, counts={"copies": len(found.copies), "missing": len(found.missing)})
    return found


def _where(upstream: Upstream) -> str:
    return " in the lake" if isinstance(upstream, Asked) else " at Sunshine Conversations and in the lake"


async def _resolve(desk: Desk, app_id: str, requests: list[Request], upstream: Upstream) -> list[Resolution]:
    lookup = None if isinstance(upstream, Asked) else ApiLookup(upstream.client, app_id)
    with open_view(desk.lake, desk.ledger, app_id) as view:
        # A hold keeps data from being erased, and nobody from being told of it.
        return await resolve(view, requests, lookup=lookup, macs=desk.keyring, is_held=lambda _: False)


async def _write(
    desk: Desk, journal: BatchJournal, found: Access, resolution: Resolution, out: Path, *, upstream: Upstream
) -> None:
    subject = resolution.subject
    if subject is None or resolution.state in {State.NOT_FOUND, State.AMBIGUOUS}:
        found.missing += [(request.request_ref, resolution.state) for request in resolution.requests]
        return
    expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=desk.settings.privacy.access_days)
    export = await write_copy(desk, journal, subject, out, upstream=upstream)
    found.copies.append(WrittenCopy(subject.tag, subject.request_refs, export, expires_at))
