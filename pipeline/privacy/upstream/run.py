"""One subject's erasure upstream under way: destroying calls, each between two lines of the journal, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.api.deletions import Deletion
from pipeline.api.sent import Outcome, Sent
from pipeline.errors import ApiError, BadRequestError, UnavailableError
from pipeline.privacy.upstream.check import KnownGood
from pipeline.privacy.upstream.reads import Reads
from pipeline.privacy.upstream.survey import Survey
from pipeline.privacy.upstream.types import GroupCount, Journal, UpstreamPolicy, UpstreamStatus, UpstreamStep
from pipeline.suppression.subjects import Subject

_MAY_BE_REFUSED = frozenset({UpstreamStep.ATTACH, UpstreamStep.CONVERSATIONS})
"""Where a 400 has a meaning: an upload elsewhere, a default conversation (gdpr.md, section 4)."""


@dataclass(slots=True, repr=False)
class UpstreamRun:
    """What the steps share.

    Attributes:
        known: proof that the app answers; without it no 404 could be read as "already gone".
        calls: destroying calls by status.
        counts: what was done.
        groups: per conversation.
        removed_at: when the last upload was removed.
    """

    known: KnownGood
    subject: Subject
    policy: UpstreamPolicy
    journal: Journal
    reads: Reads
    survey: Survey = field(default_factory=Survey)
    calls: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    groups: dict[str, GroupCount] = field(default_factory=dict)
    removed_at: datetime | None = None
    _sent: Counter[UpstreamStep] = field(default_factory=Counter)

    @property
    def app_id(self) -> str:
        """The app, as known to be good."""
        return self.known.app_id

    def is_done(self, step: UpstreamStep) -> bool:
        """Whether a step was done by an earlier run of the same batch."""
        return self.journal.done(step, self.subject.tag)

    async def send(self, step: UpstreamStep, deletion: Deletion) -> Sent:
        """Make one destroying call, recorded before and after; an answer of "gone already" counts as a repeat.

        Raises:
            ApiError: it failed; the step is recorded as failed.
        """
        self._sent[step] += 1
        self.journal.begin(step, self.subject.tag)
        before = self.calls.copy()
        try:
            sent = await self.known.client.send(deletion, heard=self._heard)
            if sent.outcome is Outcome.REFUSED and step not in _MAY_BE_REFUSED:
                message = f"the request was refused (400 {sent.code}); repeating it won't help"
                raise BadRequestError(message, route=deletion.route.name, status=400, code=sent.code)
        except ApiError as error:
            is_retryable = isinstance(error, UnavailableError)
            status = UpstreamStatus.FAILED_RETRYABLE if is_retryable else UpstreamStatus.FATAL
            self.end(step, status, **self._calls_since(before))
            raise
        repeats = {"repeats": 1} if sent.outcome is Outcome.GONE else {}
        self.counts.update(repeats)
        self.end(step, UpstreamStatus.PENDING, **self._calls_since(before), **repeats)
        return sent

    def finish(self, step: UpstreamStep, **counts: int) -> None:
        """Record that a step is through: "done", or "already" where nothing was left to do."""
        self.counts.update(counts)
        self.end(step, "done" if self._sent[step] else "already", sent=self._sent[step], **counts)

    def end(self, step: UpstreamStep, status: str, **counts: int) -> None:
        """Record how a call or a step ended."""
        self.journal.end(step, self.subject.tag, status, **counts)

    def give_up(self, step: UpstreamStep) -> UnavailableError:
        """Record that a step does not come to its end, and make the error that says so."""
        self.end(step, UpstreamStatus.FAILED_RETRYABLE)
        message = f"it is still there after {self.policy.rounds} tries; run again later, it goes on where it stopped"
        return UnavailableError(message, route=step)

    def _heard(self, status: int | None) -> None:
        self.calls["none" if status is None else str(status)] += 1

    def _calls_since(self, before: Counter[str]) -> dict[str, int]:
        return {f"calls_{status}": count for status, count in (self.calls - before).items()}
