"""The ledger of deeds as the journal of one batch: a step is begun, ended, and not done twice."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.privacy.deeds.deeds import Deeds
from pipeline.privacy.deeds.words import Event


@dataclass(frozen=True, slots=True)
class BatchJournal:
    """What the steps of a batch are given; every call returns when its deed is on the disk."""

    deeds: Deeds
    batch: str

    def begin(self, step: str, tag: str | None = None, **counts: int) -> None:
        """Record that a step is about to be done; as a repetition where its end was never recorded."""
        event = Event.REPEAT if self.deeds.begun(self.batch, step, tag) else Event.BEGIN
        self.deeds.append(self.batch, event, step=step, tag=tag, counts=counts)

    def end(self, step: str, tag: str | None, status: str, **counts: int) -> None:
        """Record how a step ended."""
        self.deeds.append(self.batch, Event.END, step=step, tag=tag, status=status, counts=counts)

    def done(self, step: str, tag: str | None = None) -> bool:
        """Whether a step ended well before and need not be done again."""
        return self.deeds.done(self.batch, step, tag)
