"""Where steps of the walk become committed rows: encoded as they come, written and decided beside the walk.

Encoding holds the interpreter for nearly all of its time, so a thread for it would only take turns with the event loop,
at a price. What waits for the disk, a commit, runs in a thread while the next batch fills.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial

from pipeline.config import CommitSettings
from pipeline.lake.admission import EVERYBODY, Admission
from pipeline.lake.batch import Batch
from pipeline.lake.layout import Lake
from pipeline.lake.secrets import Dropped
from pipeline.walk.ledger import Ledger
from pipeline.walk.step import Step

# How often the age of a batch is looked at while no step comes, in seconds.
TICK_SECONDS = 0.25
# The first commit comes after this share of the policy's time, and each later one waits twice as long until that is
# reached: a run that is killed again and again while it is young gets on all the same.
FIRST_WAIT = 0.1


class Sink:
    """Commits the steps of one app's run. It belongs to one event loop.

    Args:
        lake: the lake.
        ledger: its ledger.
        app_id: the app.
        run_id: the run that the rows name.
        policy: when to commit.
        dropped: where the names of left out fields are noted.
        on_commit: called with the steps that a commit made durable.
        admission: says who may enter.
    """

    def __init__(
        self,
        lake: Lake,
        ledger: Ledger,
        *,
        app_id: str,
        run_id: str,
        policy: CommitSettings,
        dropped: Dropped,
        on_commit: Callable[[Sequence[Step]], None],
        admission: Admission = EVERYBODY,
    ) -> None:
        self._new_batch: Callable[[], Batch] = partial(
            Batch, lake, ledger, app_id=app_id, run_id=run_id, dropped=dropped, admission=admission
        )
        self._policy = policy
        self._seconds = FIRST_WAIT * policy.seconds
        self._on_commit = on_commit
        self._batch = self._new_batch()
        self._committing: asyncio.Task[None] | None = None
        self._error: BaseException | None = None
        # First come, first served: a step must not overtake an earlier one that promises less about the same unit.
        self._turn = asyncio.Lock()
        self._ticker = asyncio.create_task(self._tick())

    async def put(self, step: Step) -> None:
        """Take up a step; waits while the batch is full and the one before it is still being committed.

        Raises:
            LakeError, LedgerError: a commit has failed, and with it the run.
        """
        async with self._turn:
            self._raise_if_failed()
            if self._batch.must_precede(step):
                await self._commit()
                await self._settled()
                self._raise_if_failed()
            self._add(step)
            if self._is_due():
                await self._commit()
                self._raise_if_failed()

    async def flush(self) -> None:
        """Return when all that was put is committed.

        Raises:
            LakeError, LedgerError: a commit has failed.
        """
        async with self._turn:
            await self._commit()
            await self._settled()
            self._raise_if_failed()

    async def close(self) -> None:
        """Commit what is left; what comes after a commit that failed stays uncommitted.

        Raises:
            LakeError, LedgerError: a commit has failed.
        """
        self._ticker.cancel()
        await asyncio.wait([self._ticker])
        try:
            await self.flush()
        finally:
            self._batch.discard()

    def _add(self, step: Step) -> None:
        try:
            self._batch.add(step)
        except BaseException as error:
            # The batch lacks rows that its checkpoints promise: it must never be committed.
            self._error = error
            raise

    async def _commit(self) -> None:
        """Begin to commit the batch, after the commit that is under way and unless that one failed."""
        await self._settled()
        if self._batch.is_empty or self._error is not None:
            return
        batch, self._batch = self._batch, self._new_batch()
        self._seconds = min(2 * self._seconds, self._policy.seconds)
        self._committing = asyncio.create_task(self._run(batch))

    async def _run(self, batch: Batch) -> None:
        try:
            steps = await asyncio.to_thread(batch.commit)
        except BaseException as error:  # noqa: BLE001 - kept for whoever puts, flushes or closes next
            self._error = error
            batch.discard()
            return
        self._on_commit(steps)

    async def _settled(self) -> None:
        """Wait for the commit that is under way, if any, however it ends."""
        if self._committing is not None:
            # Whoever waits may be cancelled; the commit goes on.
            await asyncio.shield(self._committing)
            self._committing = None

    def _raise_if_failed(self) -> None:
        if self._error is not None:
            raise self._error

    def _is_due(self) -> bool:
        batch, policy = self._batch, self._policy
        return batch.is_full or (
            not batch.is_empty
            and (
                batch.rows >= policy.rows
                or batch.pages >= policy.pages
                or time.monotonic() - batch.begun_at >= self._seconds
            )
        )

    async def _tick(self) -> None:
        while self._error is None:
            await asyncio.sleep(min(TICK_SECONDS, self._seconds))
            if self._is_due() and not self._turn.locked():
                async with self._turn:
                    await self._commit()
