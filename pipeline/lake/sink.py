"""The one thread that turns steps of the walk into committed rows: encode, write, decide, publish.

It works beside the event loop, since decoding and Parquet release the interpreter for most of their time (perf.md, B4).
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.config import CommitSettings
from pipeline.lake.batch import Batch
from pipeline.lake.layout import Lake
from pipeline.lake.secrets import Dropped
from pipeline.walk.ledger import Ledger
from pipeline.walk.step import Step

# Steps that may wait for the sink; beyond it the walk pauses, and memory stays flat. Never more than a commit holds, so
# that a kill costs two commits' pages at most, and those that are on their way.
QUEUED_STEPS = 256


@dataclass(frozen=True, slots=True)
class _Flush:
    done: asyncio.Future[None]


_CLOSE = object()


class Sink:
    """Commits the steps of one app's run.

    Args:
        lake: the lake.
        ledger: its ledger.
        app_id: the app.
        run_id: the run that the rows name.
        policy: when to commit.
        dropped: where the names of left out fields are noted.
        on_commit: called on the event loop with the steps that a commit made durable.
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
    ) -> None:
        self.batch = Batch(lake, ledger, app_id=app_id, run_id=run_id, dropped=dropped)
        self._policy = policy
        self._on_commit = on_commit
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[Step | _Flush | object] = queue.SimpleQueue()
        self._room = asyncio.Semaphore(min(QUEUED_STEPS, policy.pages))
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name=f"sink-{app_id}", daemon=True)
        self._thread.start()

    async def put(self, step: Step) -> None:
        """Hand over a step; waits while too much is queued.

        Raises:
            LakeError, LedgerError: the sink has failed, and with it the run.
        """
        self._raise_if_failed()
        await self._room.acquire()
        self._raise_if_failed()
        self._queue.put(step)

    async def flush(self) -> None:
        """Return when all that was put is committed."""
        self._raise_if_failed()
        done: asyncio.Future[None] = self._loop.create_future()
        self._queue.put(_Flush(done))
        await done

    async def close(self) -> None:
        """Commit what is left and end the thread; what had failed before stays uncommitted."""
        self._queue.put(_CLOSE)
        await asyncio.to_thread(self._thread.join)
        self._raise_if_failed()

    def _raise_if_failed(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        waiting: list[_Flush] = []
        try:
            while True:
                item = self._next()
                if isinstance(item, Step):
                    if self.batch.must_precede(item):
                        self._commit()
                    self.batch.add(item)
                    self._give_room()
                elif isinstance(item, _Flush):
                    waiting.append(item)
                if item is _CLOSE or isinstance(item, _Flush) or self._is_due():
                    self._commit()
                    self._answer(waiting, None)
                    waiting = []
                if item is _CLOSE:
                    return
        except BaseException as error:  # noqa: BLE001 - handed to the event loop, where the run fails with it
            self._error = error
            try:
                self.batch.discard()
            finally:
                self._give_up(waiting, error)

    def _next(self) -> Step | _Flush | object | None:
        """The next item, or None when the commit is due before one comes."""
        if self.batch.is_empty:
            return self._queue.get()
        remaining = self.batch.begun_at + self._policy.seconds - time.monotonic()
        try:
            return self._queue.get(timeout=max(remaining, 0))
        except queue.Empty:
            return None

    def _is_due(self) -> bool:
        batch = self.batch
        return not batch.is_empty and (
            batch.rows >= self._policy.rows
            or batch.pages >= self._policy.pages
            or time.monotonic() - batch.begun_at >= self._policy.seconds
        )

    def _commit(self) -> None:
        if self.batch.is_empty:
            return
        steps = self.batch.commit()
        self._loop.call_soon_threadsafe(self._on_commit, steps)

    def _give_room(self) -> None:
        self._loop.call_soon_threadsafe(self._room.release)

    def _answer(self, waiting: Sequence[_Flush], error: BaseException | None) -> None:
        for flush in waiting:
            self._loop.call_soon_threadsafe(_settle, flush.done, error)

    def _give_up(self, waiting: list[_Flush], error: BaseException) -> None:
        """Let everyone who waits for the sink learn of its failure, until it is closed."""
        while True:
            self._answer(waiting, error)
            item = self._queue.get()
            if item is _CLOSE:
                return
            waiting = [item] if isinstance(item, _Flush) else []
            if isinstance(item, Step):
                self._give_room()


def _settle(future: asyncio.Future[None], error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
