"""What the store keeps of the lake's files as they were before: it goes with the people in it (gdpr.md, section 6).

Any older version may hold them, whatever replaced it: an erasure, a compaction, a commit that ended its staging.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from pipeline.lake.history import Leftovers
from pipeline.lake.layout import Lake
from pipeline.lake.local_store import PRIVATE
from pipeline.lake.lock import files_lock
from pipeline.lake.repair import apps_of
from pipeline.privacy.deeds.journal import BatchJournal
from pipeline.privacy.deeds.words import Status, Step
from pipeline.privacy.rewrite.derived import awaited_lock
from pipeline.suppression.listing import suppression_lock
from pipeline.warehouse.build import LOCK


def remove_older(lake: Lake, *, journal: BatchJournal, wait_seconds: float) -> Leftovers:
    """Remove older versions, marks of deletion and unfinished uploads, of all apps; returns what was removed.

    Args:
        lake: the lake.
        journal: told if there is anything.
        wait_seconds: how long to wait for a compaction, a repair or a build that is running, and for exports on other
            machines.

    Raises:
        LockedError: somebody is at work for longer than the wait.
        StorageError: the store refuses; it can be repeated.
    """
    history = lake.store.history
    if history.survey().is_empty:
        return Leftovers()
    journal.begin(Step.VERSIONS)
    with _nobody_uploading(lake, wait_seconds=wait_seconds):
        gone = history.purge()
    counts = {"versions": gone.versions, "markers": gone.markers, "uploads": gone.uploads, "bytes": gone.bytes}
    journal.end(Step.VERSIONS, None, Status.DONE, **counts)
    return gone


@contextmanager
def _nobody_uploading(lake: Lake, *, wait_seconds: float) -> Iterator[None]:
    """Hold off all that uploads, so that an upload which is not finished never will be.

    Every commit is published under the lock of the suppressions, so an export need not end for it; how far one on
    another machine is can't be known.
    """
    apps = {*apps_of(lake), *lake.store.folders(f"{PRIVATE}/staging")}
    with ExitStack() as stack:
        for app_id in sorted(apps):
            if lake.store.is_shared:
                stack.enter_context(awaited_lock(lake, app_id, what="erase", seconds=wait_seconds))
            stack.enter_context(files_lock(lake, app_id, wait_seconds=wait_seconds))
        stack.enter_context(awaited_lock(lake, LOCK, what="erase", seconds=wait_seconds))
        stack.enter_context(suppression_lock(lake, exclusive=True))
        yield
