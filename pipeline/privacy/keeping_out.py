"""Step 2 of a batch: its people join the suppression list, so that nothing of them enters the lake any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from pipeline.privacy.desk import Desk
from pipeline.privacy.people.shared import shared_values
from pipeline.suppression.listing import Entry, entries_for, suppress
from pipeline.suppression.mention_macs import mention_entries
from pipeline.suppression.subjects import Action, Subject

ALIASES_FOR: Final = timedelta(days=30)
"""How long external ids, addresses and numbers stay refused after upstream is verified gone (gdpr.md, section 7)."""

SUPPRESSED: Final = frozenset({Action.ERASE, Action.PII_ONLY, Action.SUPPRESS, Action.RESTRICT})
"""Actions that the gate has to know of."""


def keep_out(desk: Desk, subjects: Sequence[Subject], *, batch: str) -> int:
    """Put subjects on the list, those of them whose action asks for it; returns how many entries are new.

    Safe to repeat, and to be repeated when more is known of them.

    Raises:
        LakeError: a file of the lake can't be read.
        StorageError: the list can't be written.
    """
    until = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + ALIASES_FOR
    shared = shared_values(desk, subjects)
    entries = [
        entry
        for subject in subjects
        if subject.action in SUPPRESSED
        for entry in entries_for(subject, desk.keyring, batch=batch, until=until, shared=shared)
    ]
    return suppress(desk.lake, [*entries, *_mentions(desk, subjects, batch=batch, shared=shared)])


def mentioned(subjects: Sequence[Subject]) -> list[Subject]:
    """Whose mentions are redacted: those who are erased, in apps where one leaves a group or a mention behind."""
    erased = [subject for subject in subjects if subject.action is Action.ERASE]
    apps = {subject.app_id for subject in erased if subject.group_conversation_ids or subject.mentioning_ids}
    return [subject for subject in erased if subject.app_id in apps]


def _mentions(desk: Desk, subjects: Sequence[Subject], *, batch: str, shared: frozenset[str]) -> Iterator[Entry]:
    if desk.settings.privacy.mentions == "redact":
        for subject in mentioned(subjects):
            yield from mention_entries(subject, desk.keyring, batch=batch, shared=shared)
