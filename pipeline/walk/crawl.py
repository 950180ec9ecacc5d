"""The walk of one app: takes units from the frontier, visits many at once, and says how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum

from pipeline.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    ForbiddenError,
    NotFoundError,
    ProtocolError,
    UnavailableError,
)
from pipeline.walk.frontier import Unit
from pipeline.walk.resolve import resolve_seed
from pipeline.walk.roster import ConversationState, Pending, State, UserState
from pipeline.walk.seeds import Seed
from pipeline.walk.step import Step
from pipeline.walk.visit import Visit
from pipeline.walk.visit_conversation import visit_conversation
from pipeline.walk.visit_user import visit_user

# So many calls in a row that spent their whole retry budget mean that the server is down, not a single record broken.
UNAVAILABLE_IN_A_ROW = 5


class Ending(StrEnum):
    """Why a crawl came to its end."""

    EXHAUSTED = "exhausted"
    LIMITED = "limited"
    STOPPED = "stopped"


class Crawl:
    """A crawl over one app's frontier.

    Args:
        visit: the surroundings of each visit.
        flush: commits everything that was emitted so far, and returns when the ledger shows it.
        concurrency: how many units are visited at once.
    """

    def __init__(self, visit: Visit, *, flush: Callable[[], Awaitable[None]], concurrency: int) -> None:
        self._visit = visit
        self._flush = flush
        self._slots = asyncio.Semaphore(concurrency)
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._fatal: BaseException | None = None
        self._unavailable = 0
        self._stopped = False

    def stop(self) -> None:
        """Begin no further unit, and leave those that are under way; what they emitted is committed."""
        self._stopped = True
        self._wake.set()
        for task in self._tasks:
            task.cancel()

    async def run(self, *, limit: int | None = None) -> Ending:
        """Visit until nothing is left, the limit of conversations is reached, or `stop` is called.

        Raises:
            ApiError: the app can't be walked at all: a wrong key, a missing scope, an unknown app, a dead server.
            LakeError: the lake refused a commit.
        """
        begun = 0
        ending = Ending.EXHAUSTED
        try:
            while True:
                await self._slots.acquire()
                self._raise_if_fatal()
                if self._stopped or (limit is not None and begun >= limit):
                    self._slots.release()
                    ending = Ending.STOPPED if self._stopped else Ending.LIMITED
                    break
                unit = self._visit.frontier.pop()
                if unit is None:
                    self._slots.release()
                    if await self._wait_for_more():
                        continue
                    break
                begun += isinstance(unit, ConversationState)
                self._begin(unit)
            await self._drain(cancel=self._stopped)
        except BaseException:
            await self._drain(cancel=True)
            raise
        self._raise_if_fatal()
        return ending

    async def _wait_for_more(self) -> bool:
        """With nothing in the frontier: wait for visits that may find more, then commit and look once more."""
        if self._tasks:
            self._wake.clear()
            await self._wake.wait()
            return True
        await self._flush()
        self._visit.frontier.rescan()
        unit = self._visit.frontier.pop()
        if unit is None:
            return False
        await self._slots.acquire()
        self._begin(unit)
        return True

    def _begin(self, unit: Unit) -> None:
        task = asyncio.create_task(self._work(unit))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fatal = self._fatal or error
            self._stopped = True
        self._slots.release()
        self._wake.set()

    async def _work(self, unit: Unit) -> None:
        try:
            await self._visit_unit(unit)
            self._unavailable = 0
        except (AuthenticationError, ForbiddenError, NotFoundError) as error:
            if not isinstance(error, ForbiddenError) or not self._any_success():
                raise
            await self._failed(unit, State.FORBIDDEN, error)
        except UnavailableError as error:
            self._unavailable += 1
            if self._unavailable >= UNAVAILABLE_IN_A_ROW or not self._any_success():
                raise
            await self._failed(unit, State.FAILED, error)
        except (BadRequestError, ProtocolError) as error:
            await self._failed(unit, State.FAILED, error)
        finally:
            self._visit.frontier.done(unit)
        if not isinstance(unit, Seed):
            self._visit.frontier.offer(unit)

    async def _visit_unit(self, unit: Unit) -> None:
        if isinstance(unit, ConversationState):
            await visit_conversation(self._visit, unit)
        elif isinstance(unit, UserState):
            await visit_user(self._visit, unit)
        else:
            await resolve_seed(self._visit, unit)

    async def _failed(self, unit: Unit, state: State, error: ApiError) -> None:
        """Record what became of a unit that a later run will try again."""
        counters = self._visit.counters
        if state == State.FORBIDDEN:
            counters.forbidden += 1
        else:
            counters.failed += 1
        step = Step()
        if isinstance(unit, ConversationState):
            unit.state, unit.pending, unit.error = state, Pending.NO, str(error)
            step.conversations.append(self._visit.conversations.changed(unit))
        elif isinstance(unit, UserState):
            unit.state, unit.pending, unit.error = state, Pending.NO, str(error)
            step.users.append(self._visit.users.changed(unit))
        await self._visit.emit(step)

    def _any_success(self) -> bool:
        return self._visit.counters.users + self._visit.counters.conversations > 0

    def _raise_if_fatal(self) -> None:
        if self._fatal is not None:
            raise self._fatal

    async def _drain(self, *, cancel: bool) -> None:
        if cancel:
            for task in self._tasks:
                task.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)
