"""Which apps a run of retention is to cover, and what a run that was cut has left of them: told by its deeds."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pipeline.privacy.deeds.words import Event, Step
from pipeline.privacy.desk import Desk

NOBODY: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True)
class CutRun:
    """A run that was begun and not closed. `covered` and `done` are apps by their tags."""

    batch_id: str
    covered: frozenset[str] = NOBODY
    done: frozenset[str] = NOBODY

    def left_of(self, app_ids: Collection[str]) -> list[str]:
        """Which of the apps it was to cover and has not come to the end of."""
        return sorted(app_id for app_id in app_ids if app_tag(app_id) in self.covered - self.done)


def begin_run(desk: Desk, batch_id: str, app_ids: Sequence[str], *, before: datetime | None, is_resumed: bool) -> None:
    """Record that a run begins or goes on, once all apps that it is to cover are on record."""
    for app_id in app_ids:
        desk.deeds.append(batch_id, Event.EXPIRE, tag=app_tag(app_id))
    counts = {} if before is None else {"before": int(before.timestamp())}
    desk.deeds.append(batch_id, Event.RESUME if is_resumed else Event.EXPIRE, counts=counts)


def cut_run(desk: Desk) -> CutRun | None:
    """The run that was begun last, unless it is closed."""
    covered: dict[str | None, set[str]] = {}
    done: set[str] = set()
    last: str | None = None
    for deed in desk.deeds.read():
        if deed.event is Event.EXPIRE and deed.tag is not None:
            covered.setdefault(deed.batch, set()).add(deed.tag)
        elif deed.event is Event.EXPIRE:
            last, done = deed.batch, set()
        elif last is not None and deed.batch == last and deed.event is Event.CLOSE:
            last = None
        elif deed.batch == last and deed.step is Step.EXPIRE and deed.event is Event.END and deed.tag is not None:
            done.add(deed.tag)
    return None if last is None else CutRun(last, frozenset(covered.get(last, ())), frozenset(done))


def app_tag(app_id: str) -> str:
    """What stands for an app in the ledger of deeds, which holds no text; an app is no person, so no key is needed."""
    return hashlib.sha256(app_id.encode()).hexdigest()
