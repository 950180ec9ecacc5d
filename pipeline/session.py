"""One app's run, walked in as many pieces as its caller likes: what the walk reads becomes steps, and steps commits.

seeds -> roster -> frontier -> visits -> steps -> sink -> files and checkpoints, in one decision
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from pipeline.api.auth import Credential
from pipeline.api.client import ApiClient
from pipeline.api.limiter import Limiter
from pipeline.config import AppSettings, Settings, key_pair
from pipeline.errors import SeedsError, SunlakeError
from pipeline.lake.commit import recover
from pipeline.lake.inventory import require_inventory
from pipeline.lake.layout import open_lake
from pipeline.lake.lock import writer_lock
from pipeline.lake.secrets import Dropped
from pipeline.lake.sink import Sink
from pipeline.outcome import OnProgress, Outcome, Summary
from pipeline.suppression.gate import open_gate
from pipeline.walk import ledger as tables
from pipeline.walk.coverage import app_coverage, is_known, pending
from pipeline.walk.crawl import Crawl, Ending
from pipeline.walk.discover import alias_seeds, plant_seeds
from pipeline.walk.frontier import Frontier
from pipeline.walk.ledger import open_ledger
from pipeline.walk.roster import ConversationState, UserState
from pipeline.walk.runs import RunKind, RunState, beat, begin_run, end_run, salt
from pipeline.walk.shelf import Shelf
from pipeline.walk.step import Step
from pipeline.walk.visit import Counters, Visit
from pipeline.walk.visit_app import visit_app

# A server that can't be reached at all should be known within this time, whatever one call may take later.
FIRST_CALLS_SECONDS = 60.0
BEAT_SECONDS = 2.0
_USUAL_THRESHOLDS = gc.get_threshold()


class ExportSession:
    """One run of one app: holds the lock from entry to exit, and commits what it has when it is left."""

    def __init__(
        self,
        settings: Settings,
        app: AppSettings,
        *,
        kind: RunKind = "export",
        seeds: Sequence[str] = (),
        on_progress: OnProgress | None = None,
        stop: asyncio.Event | None = None,
    ) -> None:
        self.app_id = app.app_id
        self._settings = settings
        self._app = app
        self._kind: RunKind = kind
        self._sources = [*app.seeds, *seeds]
        self._on_progress = on_progress
        self._stop = stop
        self._stack = AsyncExitStack()
        self._limiter = Limiter(start_rate=app.start_rate, max_rate=app.max_rate, max_concurrency=app.max_concurrency)
        self._outcome = Outcome(app.app_id, kind, limiter=self._limiter)
        self._dropped = Dropped()

    @property
    def counters(self) -> Counters:
        """What the run did so far."""
        return self._outcome.counters

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            try:
                await self._open(stack)
            except BaseException as error:
                self._outcome.fail(error)
                raise
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._outcome.fail(error)
        try:
            await self._stack.aclose()
        except BaseException as another:
            self._outcome.fail(another)
            raise

    async def walk(self, *, limit: int | None = None) -> Ending:
        """Walk until nothing is left, or so many conversations were begun.

        Raises:
            ApiError, LakeError, LedgerError: the run can't go on. What was committed before stays.
        """
        ending = await self._crawl.run(limit=limit)
        await self._sink.flush()
        self._outcome.state = _STATES[ending]
        if ending is Ending.EXHAUSTED and self.counters.failed + self.counters.forbidden:
            self._outcome.state = "partial"
        return ending

    def pending(self) -> tuple[int, int]:
        """How many users and conversations are known to wait for a visit."""
        return pending(self._ledger, self.app_id)

    def summary(self) -> Summary:
        """How the run ended, or stands."""
        return self._outcome.summary()

    async def _open(self, stack: AsyncExitStack) -> None:
        settings, app = self._settings, self._app
        # What is imported by now stays; to look through it for garbage again and again takes a twentieth of a run.
        gc.freeze()
        stack.callback(gc.unfreeze)
        # A call makes some hundred short-lived objects and no garbage that only a collection finds.
        gc.set_threshold(50_000, 20, 20)
        stack.callback(gc.set_threshold, *_USUAL_THRESHOLDS)
        keys = key_pair(app)
        self._lake = open_lake(settings.place, create=True)
        stack.enter_context(writer_lock(self._lake, app.app_id, what=self._kind))
        self._ledger = open_ledger(settings.ledger_url or self._lake.default_ledger_url)
        stack.callback(self._ledger.close)
        self._gate = open_gate(self._lake, app.app_id, settings)
        recover(self._lake, self._ledger, app.app_id, admission=self._gate)
        require_inventory(self._lake, self._ledger, app.app_id)
        credential = Credential(keys.key_id, keys.secret, method=app.auth, scope=app.scope)
        first, rest = (self._client(credential, seconds) for seconds in (FIRST_CALLS_SECONDS, None))
        await stack.enter_async_context(first)
        await stack.enter_async_context(rest)
        left_out = plant_seeds(self._ledger, app.app_id, self._sources, app_ids=self._app_ids(), guest=self._gate)
        self._gate.left_out["seeds"] += left_out
        if not self._sources and not is_known(self._ledger, app.app_id):
            raise SeedsError(f"app {app.app_id}: no user or conversation is known yet; name some with --seeds FILE")
        self._run_id = self._outcome.run_id = begin_run(self._ledger, app.app_id, self._kind)
        stack.callback(self._finish)
        self._sink = Sink(
            self._lake,
            self._ledger,
            app_id=app.app_id,
            run_id=self._run_id,
            policy=settings.commit,
            dropped=self._dropped,
            on_commit=self._committed,
            admission=self._gate,
        )
        stack.push_async_callback(self._close_sink)
        self._visit = self._surroundings(first)
        self._crawl = Crawl(self._visit, flush=self._sink.flush, concurrency=app.max_concurrency)
        stack.push_async_callback(self._end, asyncio.create_task(self._beat()))
        if self._stop is not None:
            stack.push_async_callback(self._end, asyncio.create_task(self._watch(self._stop)))
        await visit_app(self._visit, self._ledger)
        self._visit.client = rest

    def _client(self, credential: Credential, seconds: float | None) -> ApiClient:
        calls = self._settings.calls
        return ApiClient(
            self._app.base_url,
            credential,
            limiter=self._limiter,
            max_call_seconds=min(seconds or calls.total_seconds, calls.total_seconds),
            read_timeout=calls.read_seconds,
        )

    def _surroundings(self, client: ApiClient) -> Visit:
        key = salt(self._ledger)
        users = Shelf(self._ledger, tables.users, UserState, key="user_id", app_id=self.app_id)
        conversations = Shelf(
            self._ledger, tables.conversations, ConversationState, key="conversation_id", app_id=self.app_id
        )
        return Visit(
            app_id=self.app_id,
            client=client,
            users=users,
            conversations=conversations,
            frontier=Frontier(users, conversations, self._alias_seeds(key), guest=self._gate),
            emit=self._sink.put,
            counters=self.counters,
            salt=key,
            is_sweep=self._kind == "sweep",
            guest=self._gate,
        )

    def _alias_seeds(self, key: bytes) -> Iterator[Any]:
        return alias_seeds(
            self._ledger,
            self.app_id,
            self._sources,
            app_ids=self._app_ids(),
            salt=key,
            run_id=self._run_id,
            guest=self._gate,
            on_left_out=lambda: self._gate.left_out.update(["seeds"]),
        )

    def _app_ids(self) -> list[str]:
        return [app.app_id for app in self._settings.apps]

    def _committed(self, steps: Sequence[Step]) -> None:
        for step in steps:
            self._visit.users.committed(step.users)
            self._visit.conversations.committed(step.conversations)

    async def _watch(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._crawl.stop()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            await asyncio.to_thread(beat, self._ledger, self._run_id, self._outcome.counted())
            if self._on_progress is not None:
                self._on_progress(self._outcome.progress(pending=await asyncio.to_thread(self.pending)))

    async def _end(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()) is not None:
            self._outcome.fail(error)
            raise error

    async def _close_sink(self) -> None:
        try:
            await self._sink.close()
        except SunlakeError as error:
            self._outcome.fail(error)
            raise

    def _finish(self) -> None:
        """Record the end of the run."""
        if self._dropped.unknown:
            names = ", ".join(sorted(self._dropped.unknown))
            self.counters.note(f"unknown fields were left out, since they may hold secrets: {names}")
        if self._gate.left_out.total():
            seeds, rows = self._gate.left_out["seeds"], self._gate.left_out["rows"]
            self.counters.note(f"left out, since they were suppressed: {seeds} seeds and {rows} rows")
        outcome = self._outcome
        outcome.coverage = app_coverage(self._ledger, self.app_id)
        end_run(self._ledger, self._run_id, outcome.state, outcome.counted(), message=outcome.message)


_STATES: dict[Ending, RunState] = {
    Ending.EXHAUSTED: "done",
    Ending.LIMITED: "partial",
    Ending.STOPPED: "interrupted",
}
